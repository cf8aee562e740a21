"""Raw reads and writes of the host's own tables, which stand outside row scope. Connections, never request sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from core.db.sqlite import MODE
from core.db.types import now
from core.host.models import (
    FaultRow,
    JournalRow,
    OutboxCursor,
    OutboxRow,
    PluginEpoch,
    PluginRow,
    WorkerRow,
)


def _table(model: Any) -> Table:
    table: Table = model.__table__
    return table


plugins = _table(PluginRow)
epochs = _table(PluginEpoch)
workers = _table(WorkerRow)
faults = _table(FaultRow)
outbox = _table(OutboxRow)
cursors = _table(OutboxCursor)
journal = _table(JournalRow)

_EPOCH = "SELECT epoch FROM core_plugin_epoch WHERE id = 1"


def read_epoch(engine: Engine) -> int | None:
    """The epoch, past all of SQLAlchemy: every request pays for this.

    None before ``crm migrate`` has run; 0 while the row has not been made.
    """
    try:
        raw = engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute(_EPOCH)
            row = cursor.fetchone()
            cursor.close()
        finally:
            raw.close()
    except engine.dialect.loaded_dbapi.Error as error:
        if is_missing_table(error):
            return None
        raise
    return 0 if row is None else int(row[0])


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read with, which on SQLite never waits for a writer."""
    with engine.connect().execution_options(**{MODE: "read"}) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A connection in a transaction that may write, whatever kind of request this is; commits at the end."""
    with engine.connect().execution_options(**{MODE: "write"}) as connection, connection.begin():
        yield connection


def is_missing_table(error: BaseException) -> bool:
    """Whether a database error says that a table is not there (yet)."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) == "42P01" or "no such table" in str(cause)


def lock(connection: Connection) -> int:
    """Let one switch happen at a time, on both databases: a write as the first statement. Returns the epoch.

    On SQLite it takes the write lock at once, where a read that becomes a write could fail; on PostgreSQL the row's.
    """
    same = update(epochs).where(epochs.c.id == 1).values(epoch=epochs.c.epoch)
    if connection.execute(same).rowcount == 0:
        connection.execute(insert(epochs).values(id=1, epoch=1))
    return int(connection.execute(select(epochs.c.epoch).where(epochs.c.id == 1)).scalar_one())


def bump(connection: Connection) -> int:
    """The next epoch: every worker rebuilds its snapshot before its next request."""
    epoch = lock(connection) + 1
    connection.execute(update(epochs).where(epochs.c.id == 1).values(epoch=epoch))
    return epoch


def ensure_epoch(engine: Engine) -> int:
    """The epoch, its row made on first use by one of many processes; 0 before ``crm migrate`` has run."""
    epoch = read_epoch(engine)
    if epoch or epoch is None:
        return epoch or 0
    try:
        with writing(engine) as connection:
            connection.execute(insert(epochs).values(id=1, epoch=1))
    except IntegrityError:
        pass  # another process was first
    return read_epoch(engine) or 1


def clock(connection: Connection) -> datetime:
    """The database's own time where workers may sit on several machines; this machine's on SQLite."""
    if connection.dialect.name == "sqlite":
        return now()
    moment: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return moment
