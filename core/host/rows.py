"""Which rows of the core's tables are a plugin's, for the purge that takes them out."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

from core.db.base import CORE, tables_of
from core.host import store

DOTTED = {
    "core_parameter": "name",
    "core_grant": "action",
    "core_job": "name",
    "core_job_run": "job",
    "core_load": "feed",
    "core_partition": "feed",
    "core_outbox": "type",
    "core_integrity_journal": "subject",
}
"""Core tables in which rows of a plugin are told by a name that begins with the plugin's and a dot."""
SETTINGS = ("core_parameter", "core_grant", "core_grant_organisation")
"""Of those, the ones whose rows people made: they go into the backup."""


def core_rows(connection: Connection, name: str) -> dict[str, str]:
    """Core tables that may hold rows of the plugin, with the SQL condition that picks them."""
    existing = set(inspect(connection).get_table_names())
    found = {}
    for table in tables_of(CORE):
        conditions = []
        if "plugin" in table.c:
            conditions.append(f"plugin = '{name}'")
        if table.name in DOTTED:
            conditions.append(own_names(DOTTED[table.name], name))
        if table.name == store.plugins.name:
            conditions.append(f"name = '{name}'")
        if table.name == "core_grant_organisation" and "core_grant" in existing:
            own = own_names(DOTTED["core_grant"], name)
            conditions.append(f"grant_id IN (SELECT id FROM core_grant WHERE {own})")
        if conditions and table.name in existing:
            found[table.name] = " OR ".join(f"({condition})" for condition in conditions)
    return found


def own_names(column: str, name: str) -> str:
    """True for ``name.anything``. Not LIKE: an underscore in the name would match any letter."""
    return f"substr({column}, 1, {len(name) + 1}) = '{name}.'"


def count(connection: Connection, table: str, where: str) -> int:
    """How many rows of a table the SQL condition picks."""
    return int(connection.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)
