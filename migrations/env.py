"""The one environment of every migration, of the core and of each plugin.

``core.host.revisions`` narrows it to one owner and hands in the connection, whose transaction it commits itself.
"""

from __future__ import annotations

from alembic import context

attributes = context.config.attributes
connection = attributes.get("connection")

if context.is_offline_mode():
    context.configure(dialect_name=attributes["dialect"], literal_binds=True, **attributes["options"])
else:
    context.configure(connection=connection, **attributes["options"])

with context.begin_transaction():
    context.run_migrations()
