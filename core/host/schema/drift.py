"""What differs between one owner's models and its tables, in words."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine

from core.db.base import metadata
from core.db.sqlite import reading
from core.host.schema.revisions import options


def drift(engine: Engine, name: str) -> tuple[str, ...]:
    """Differences between the loaded models of ``name`` and the database; empty when they agree."""
    with reading(), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options(name, connection))
        found = compare_metadata(context, metadata)
    return tuple(sorted(line for entry in found for line in _words(entry)))


def _words(entry: Any) -> list[str]:
    if isinstance(entry, list):
        return [line for part in entry for line in _words(part)]
    verb, *rest = entry
    if verb.startswith("modify_"):
        _schema, table, column, _existing, before, now = rest
        return [f"{table}.{column}: {verb.removeprefix('modify_')} is {before!r} in the database, {now!r} in the model"]
    where = "in the model only" if verb.startswith("add_") else "in the database only"
    kind = verb.split("_", 1)[1]
    return [f"{kind} {_named(rest)}: {where}"]


def _named(rest: list[Any]) -> str:
    thing = rest[-1]
    if len(rest) == 3:  # a column comes as schema, table, column
        return f"{rest[1]}.{thing.name}"
    table = getattr(thing, "table", None)
    return str(thing.name) if table is None else f"{table.name}.{thing.name}"
