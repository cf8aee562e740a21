"""How transactions begin on SQLite: whoever may write takes the lock at once, whoever reads never waits for it.

A read that turns into a write fails at once, whatever the time-out, so the mode has to be known at BEGIN. Within one
thread a second writer could only wait for the first until the time-out: it reads instead, and says so when it writes.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, Protocol

from flask import has_request_context, request
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

Mode = Literal["read", "write"]

MODE = "crm_mode"
OWNER = "crm_owner"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
BUSY_TIMEOUT = 10_000
"""Milliseconds a writer waits for another process's write to end."""

_mode: ContextVar[Mode | None] = ContextVar("crm_mode", default=None)


class Owner(Protocol):
    """What a session tells about its transaction."""

    def release(self) -> bool:
        """Give the write lock back when nothing is unsaved; True when it was given back."""

    def shadowed(self) -> None:
        """Learn that this transaction can only read."""


class _Held(threading.local):
    """The write lock this thread holds, by database."""

    def __init__(self) -> None:
        self.by_pool: dict[int, tuple[weakref.ref[Connection], weakref.ref[Owner] | None]] = {}


_held = _Held()


def current_mode() -> Mode:
    """``read`` inside :func:`reading` and in requests that must not change anything, ``write`` otherwise."""
    chosen = _mode.get()
    if chosen is not None:
        return chosen
    return "read" if has_request_context() and request.method in SAFE_METHODS else "write"


@contextmanager
def reading() -> Iterator[None]:
    """Whatever begins inside reads only, so on SQLite it never waits for a writer."""
    token = _mode.set("read")
    try:
        yield
    finally:
        _mode.reset(token)


def install(engine: Engine) -> None:
    """Set up connections and BEGIN of a SQLite engine. Idempotent; does nothing for other databases."""
    if engine.dialect.name != "sqlite" or event.contains(engine, "begin", _begin):
        return
    event.listen(engine, "connect", _connect)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "commit", _ended)
    event.listen(engine, "rollback", _ended)


def _connect(driver: Any, record: Any) -> None:
    driver.isolation_level = None
    cursor = driver.cursor()
    for pragma in (f"busy_timeout={BUSY_TIMEOUT}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(conn: Connection) -> None:
    options = conn.get_execution_options()
    if options.get("isolation_level") == "AUTOCOMMIT":
        return
    owner: weakref.ref[Owner] | None = options.get(OWNER)
    wanted: Mode = options.get(MODE) or current_mode()
    if wanted == "write" and not _free_lock(conn, owner):
        wanted = "read"
    _emit(conn, "BEGIN IMMEDIATE" if wanted == "write" else "BEGIN DEFERRED")
    if wanted == "write":
        _held.by_pool[id(conn.engine.pool)] = (weakref.ref(conn), owner)


def _free_lock(conn: Connection, owner: weakref.ref[Owner] | None) -> bool:
    """False when this thread holds the lock elsewhere and cannot let go of it."""
    holder, held_by = _held.by_pool.get(id(conn.engine.pool), (None, None))
    holding = holder() if holder is not None else None
    if holding is None or holding.closed or not holding.in_transaction():
        return True
    asking = owner() if owner is not None else None
    holding_session = held_by() if held_by is not None else None
    if asking is not None and holding_session is not None and asking is not holding_session:
        if holding_session.release():
            return True
        asking.shadowed()
    return False


def holder(engine: Engine) -> Owner | None:
    """The session of this thread that holds the write lock of this database."""
    connection, session = _held.by_pool.get(id(engine.pool), (None, None))
    held = connection() if connection is not None else None
    if held is None or held.closed or not held.in_transaction():
        return None
    return session() if session is not None else None


def _emit(conn: Connection, statement: str) -> None:
    driver = conn.connection.driver_connection
    begin: Callable[[str], Any] = driver.execute  # type: ignore[union-attr]
    try:
        driver.isolation_level = None  # type: ignore[union-attr]
        begin(statement)
    except sqlite3.OperationalError as error:
        raise OperationalError(statement, None, error) from error


def _ended(conn: Connection) -> None:
    pool = id(conn.engine.pool)
    holder, _ = _held.by_pool.get(pool, (None, None))
    if holder is not None and holder() in (conn, None):
        del _held.by_pool[pool]
