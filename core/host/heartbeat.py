"""Beats: each worker tells the others that it is alive and how old a set of plugins it may still be serving."""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, Row, delete, insert, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.host import store
from core.host.limits import Limits

if TYPE_CHECKING:
    from core.host import Host

log = logging.getLogger(__name__)

LONGEST_SILENCE = timedelta(minutes=10)
"""After so long the process with a silent worker's number is somebody else's."""


def beat(host: Host, identity: tuple[str, int], limits: Limits) -> None:
    """Tell the others that this process is alive and which epoch it may still be serving.

    The epoch is read before the requests are looked at: one that begins in between serves this epoch or a later one.
    """
    snapshot = host.snapshots.read()
    oldest = host.in_flight.oldest(snapshot.epoch)
    if snapshot.epoch == 0:
        return  # before ``crm migrate``: there is nobody to tell and nothing to tell it in
    w = store.workers.c
    with store.writing(host.engine) as connection:
        moment = store.clock(connection)
        here = (w.host == identity[0]) & (w.pid == identity[1])
        done = connection.execute(update(store.workers).where(here).values(epoch=oldest, beat_at=moment))
        if done.rowcount == 0:
            row = {"host": identity[0], "pid": identity[1], "epoch": oldest, "started_at": moment, "beat_at": moment}
            connection.execute(insert(store.workers), row)
        for silent in connection.execute(select(store.workers).where(w.beat_at < moment - limits.stale)).all():
            if not _lives(silent, moment):
                connection.execute(delete(store.workers).where(w.host == silent.host, w.pid == silent.pid))


def sign_off(engine: Engine, identity: tuple[str, int]) -> None:
    """Take the worker's row away: it has ended in peace."""
    w = store.workers.c
    try:
        with store.writing(engine) as connection:
            connection.execute(delete(store.workers).where(w.host == identity[0], w.pid == identity[1]))
    except SQLAlchemyError as error:
        log.warning("the worker could not sign off: %s", error)


def _lives(row: Row[Any], moment: datetime) -> bool:
    """Whether a worker of this machine that has not beaten in time is there all the same, waiting to write."""
    if row.host != socket.gethostname()[:200] or row.beat_at < moment - LONGEST_SILENCE:
        return False
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_locked(error: OperationalError) -> bool:
    """Whether SQLite had no time for a write; its reads go on."""
    return "database is locked" in str(error.orig)


def wait_drained(engine: Engine, epoch: int, timeout: float = 30.0, limits: Limits | None = None) -> bool:
    """Wait until no living worker serves anything older than ``epoch``; False when ``timeout`` was too short."""
    stale = (limits or Limits()).stale
    until = time.monotonic() + timeout
    w = store.workers.c
    while True:
        with store.reading(engine) as connection:
            moment = store.clock(connection)
            behind = connection.execute(select(store.workers).where(w.epoch < epoch)).all()
        if not any(row.beat_at >= moment - stale or _lives(row, moment) for row in behind):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(min(0.1, max(0.0, until - time.monotonic())))
