"""Whose table is it: by ``Table.info`` where a model is loaded, by name for what only the database knows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, inspect

from core.db.base import CORE, metadata

VERSION_PREFIX = "alembic_version_"


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key as the database has it."""

    owner: str
    table: str
    column: str
    target: str

    def __str__(self) -> str:
        return f"{self.owner}: {self.table}.{self.column} → {self.target}"


def version_table(name: str) -> str:
    """The table that holds the revision of one owner."""
    return VERSION_PREFIX + name


def owner_of(table: str, owners: frozenset[str] | set[str]) -> str | None:
    """Owner of a table: its model's, else the longest of ``owners`` whose prefix it has, else None.

    The longest, because ``customers_ext_x`` belongs to ``customers_ext`` and has the prefix ``customers_`` too.
    """
    if table.startswith(VERSION_PREFIX):
        return None
    known = metadata.tables.get(table)
    if known is not None:
        return str(known.info.get("plugin", CORE))
    return max((o for o in owners if table.startswith(f"{o}_")), key=len, default=None)


def owners(connection: Connection) -> frozenset[str]:
    """Everybody who may own a table: the core, every loaded plugin and every schema that was ever installed."""
    loaded = {str(t.info.get("plugin", CORE)) for t in metadata.tables.values()}
    installed = {
        t.removeprefix(VERSION_PREFIX) for t in inspect(connection).get_table_names() if t.startswith(VERSION_PREFIX)
    }
    return frozenset(loaded | installed | {CORE})


def tables_in(connection: Connection, name: str) -> list[str]:
    """Tables of one owner that exist in the database, parents first."""
    everybody = owners(connection)
    ordered = [table for table, _ in inspect(connection).get_sorted_table_and_fkc_names() if table]
    return [table for table in ordered if owner_of(table, everybody) == name]


def references_into(connection: Connection, name: str) -> list[Reference]:
    """Foreign keys of anybody else, enabled or not, into tables of ``name``; those of removed packages too."""
    everybody = owners(connection)
    found = []
    for (_, table), keys in inspect(connection).get_multi_foreign_keys().items():
        owner = owner_of(table, everybody)
        for key in keys:
            if owner != name and owner_of(key["referred_table"], everybody) == name:
                found.append(
                    Reference(owner or "unknown", table, ", ".join(key["constrained_columns"]), key["referred_table"])
                )
    return sorted(found, key=str)
