"""One schema change at a time, whole or not at all, on both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError

from core.db import sqlite

ADVISORY_KEY = 0x4A51_4352  # "JQCR"; any number that nobody else on the database uses
WAIT = 60
"""Seconds to wait for another process that is migrating."""
TABLE_WAIT = 10
"""Seconds a PostgreSQL statement may wait for a table: every page that needs the table queues behind the waiter."""


class Busy(Exception):
    """Another process held the migration lock, or a table, for longer than this one may wait."""


class BrokenReferences(Exception):
    """A change would have left rows that refer to rows that are not there. The message counts them by table."""


@contextmanager
def transaction(engine: Engine, *, rebuild: bool = True, wait: int = WAIT) -> Iterator[Connection]:
    """A connection inside the one transaction that may change the schema; commits at the end, else leaves no trace.

    ``rebuild=False`` is for batches of rows: the same lock, but SQLite's foreign keys stay on.

    Raises:
        Busy: somebody else is migrating, or a table stayed locked.
        BrokenReferences: foreign keys that held before would not hold after.
    """
    try:
        if engine.dialect.name == "sqlite":
            with _sqlite(engine, rebuild, wait) as connection:
                yield connection
        else:
            with _postgresql(engine, wait) as connection:
                yield connection
    except OperationalError as error:
        if _is_lock_trouble(error):
            raise Busy(f"the database stayed locked: {error.orig}") from error
        raise


@contextmanager
def _sqlite(engine: Engine, rebuild: bool, wait: int) -> Iterator[Connection]:
    """An own connection: foreign keys can only be switched outside a transaction, and sqlite3 hides where one begins.

    With foreign keys on, Alembic's rebuild (copy, drop, rename) would delete the children of every other plugin.
    """
    _let_go(engine)
    own = create_engine(engine.url, poolclass=NullPool)

    @event.listens_for(own, "connect")
    def _prepare(raw: Any, _record: Any) -> None:
        raw.isolation_level = None
        raw.execute(f"PRAGMA busy_timeout={wait * 1000}")
        raw.execute(f"PRAGMA foreign_keys={'OFF' if rebuild else 'ON'}")

    @event.listens_for(own, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with own.begin() as connection:
        before = _dangling(connection) if rebuild else Counter()
        yield connection
        if rebuild:
            _refuse_new(_dangling(connection) - before)


def _let_go(engine: Engine) -> None:
    """The session of the request at hand may hold the lock for having looked something up: we would wait for ourselves.

    Raises:
        Busy: it has unsaved changes.
    """
    session = sqlite.holder(engine)
    if session is not None and not session.release():
        raise Busy("this unit of work has unsaved changes; end it before migrating")


@contextmanager
def _postgresql(engine: Engine, wait: int) -> Iterator[Connection]:
    with engine.begin() as connection:
        for setting, value in (("lock_timeout", f"{wait}s"), ("statement_timeout", "0")):
            connection.execute(text(f"SET LOCAL {setting} = '{value}'"))
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '0'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_KEY})
        connection.execute(text(f"SET LOCAL lock_timeout = '{TABLE_WAIT}s'"))
        yield connection


def _dangling(connection: Connection) -> Counter[tuple[str, str]]:
    rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return Counter((row[0], row[2]) for row in rows)


def _refuse_new(broken: Counter[tuple[str, str]]) -> None:
    if broken:
        parts = (
            f"{count} rows of {child} would refer to rows missing in {parent}"
            for (child, parent), count in sorted(broken.items())
        )
        raise BrokenReferences("; ".join(parts))


def _is_lock_trouble(error: OperationalError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state == "55P03" or "database is locked" in str(error.orig)
