"""Fill columns of large tables online: in batches, each committed with how far it came, while people work.

A migration file that has a function ``backfill`` gets it called before its ``upgrade()``, in transactions of its own::

    def backfill(connection, after, limit):
        '''Do at most ``limit`` rows whose id is above ``after`` (None at first); give the last id, None at the end.'''
        ids = connection.scalars(sa.text("SELECT id … WHERE id > :after ORDER BY id LIMIT :limit"), …).all()
        …
        return ids[-1] if ids else None

Expand in one revision (a nullable column), backfill and tighten in the next (NOT NULL in its ``upgrade()``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, inspect, select, update

from core.db.types import now
from core.host.schema.exclusive import transaction
from core.host.schema.models import Backfill

BATCH = 1000

Step = Callable[[Connection, Any, int], Any]
_progress: Table = Backfill.__table__  # type: ignore[assignment]


def run(engine: Engine, plugin: str, revision: str, step: Step, batch: int = BATCH) -> int:
    """Call ``step`` until it gives None, each time in a transaction of its own; returns the number of batches done now.

    Interrupted at any moment it goes on where the last commit left it, and two processes share the work.
    """
    done = 0
    while _one(engine, plugin, revision, step, batch):
        done += 1
    return done


def _one(engine: Engine, plugin: str, revision: str, step: Step, batch: int) -> bool:
    with transaction(engine, rebuild=False) as connection:
        here = (_progress.c.plugin == plugin) & (_progress.c.revision == revision)
        row = connection.execute(select(_progress.c.position, _progress.c.finished).where(here)).one_or_none()
        if row is None:
            connection.execute(insert(_progress).values(plugin=plugin, revision=revision, position=None))
        elif row.finished:
            return False
        position = step(connection, None if row is None else row.position, batch)
        values = {"finished": True} if position is None else {"position": position}
        connection.execute(update(_progress).where(here).values(updated_at=now(), **values))
        return position is not None


def forget(connection: Connection, plugin: str, revision: str) -> None:
    """Drop the progress of a revision that has been applied, so that a later down and up does it again."""
    if inspect(connection).has_table(_progress.name):
        connection.execute(delete(_progress).where(_progress.c.plugin == plugin, _progress.c.revision == revision))
