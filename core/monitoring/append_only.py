"""Tables whose rows can be added and never changed: triggers refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE.

The triggers come with the table, whoever creates it: the listener stands on ``Table`` itself, so ``create_all`` and
Alembic's ``op.create_table`` (which builds a ``Table`` of its own) both make them. A batch rebuild on SQLite drops a
table with its triggers; such a migration ends with :func:`install`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, event, text

_protected: set[str] = set()


def protect(table: str) -> None:
    """Make ``table`` append-only from its next creation on."""
    _protected.add(table)


def statements(table: str, dialect: str) -> tuple[str, ...]:
    """The DDL that makes ``table`` append-only on ``sqlite`` or ``postgresql``; safe to run again.

    Raises:
        ValueError: another dialect.
    """
    if dialect == "sqlite":
        return tuple(_sqlite(table, what) for what in ("UPDATE", "DELETE"))
    if dialect == "postgresql":
        return _postgresql(table)
    raise ValueError(f"no triggers for {dialect}")


def install(connection: Connection, table: str) -> None:
    """Run :func:`statements` on ``connection``, inside its transaction."""
    for statement in statements(table, connection.dialect.name):
        connection.execute(text(statement))


def _sqlite(table: str, what: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{what.lower()} BEFORE {what} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgresql(table: str) -> tuple[str, ...]:
    function = (
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    rows = (
        f"CREATE OR REPLACE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    whole = (
        f"CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )
    return function, rows, whole


@event.listens_for(Table, "after_create")
def _created(target: Table, connection: Connection | None, **_: Any) -> None:
    if target.name in _protected and connection is not None:  # None while Alembic only prints SQL
        install(connection, target.name)


@event.listens_for(Table, "after_drop")
def _dropped(target: Table, connection: Connection | None, **_: Any) -> None:
    if target.name in _protected and connection is not None and connection.dialect.name == "postgresql":
        connection.execute(text(f"DROP FUNCTION IF EXISTS {target.name}_refuse()"))
