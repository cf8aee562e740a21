"""Events, written in the transaction they tell of and delivered after it: at least once, in order for each plugin.

Numbers are given out after commit, by one process at a time. Were they given out inside the transactions, one that
commits late would be skipped by a cursor that has already passed its number.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from core.contract import Event
from core.contract.protocols import PluginFailed
from core.db.types import now
from core.host import store
from core.host.models import OutboxRow

if TYPE_CHECKING:
    from core.host import Host
    from core.host.hooks import Implementation

HOOK = "crm_event"
LEASE = timedelta(seconds=30)
KEEP = timedelta(days=30)
LONGEST_WAIT = 300
EVERYBODY = "*"


class Outbox:
    """The outbox of this process. ``dirty`` is set once something was committed here that waits for delivery."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.dirty = threading.Event()

    def publish(self, session: Session, type: str, payload: Mapping[str, Any]) -> None:
        """Write the event into the session's transaction. Raises ``ValueError`` for a type nobody declares."""
        if self._host.registry.owner("crm_event_types", type) is None:
            raise ValueError(f"event type {type!r} is not declared; add it to crm_event_types")
        session.add(OutboxRow(type=type, payload=dict(payload), at=now()))
        if not session.info.get("crm.outbox"):
            session.info["crm.outbox"] = True
            event.listen(session, "after_commit", self._committed)

    def _committed(self, session: Session) -> None:
        if not session.in_nested_transaction():
            self.dirty.set()

    def deliver(self, limit: int) -> list[Event]:
        """Tell every enabled plugin that listens what it has not been told; the events somebody has now received."""
        self.dirty.clear()
        listeners = self._host.loader.implementations.get(HOOK, ())
        enabled = self._host.snapshot().enabled
        try:
            listening = [listener for listener in listeners if listener.plugin in enabled]
            for listener in listening:
                self.open_cursor(listener.plugin)  # before numbering: else a new listener misses what waits now
            self._number()
            told: dict[int, Event] = {}
            for listener in listening:
                told.update(self._tell(listener, limit))
            self._forget([listener.plugin for listener in listening])
        except SQLAlchemyError as error:
            if store.is_missing_table(error):
                return []
            raise
        return [told[position] for position in sorted(told)]

    def _number(self) -> None:
        """Give positions to committed events that have none, one process at a time."""
        o, c = store.outbox.c, store.cursors.c
        with store.reading(self._host.engine) as connection:
            if connection.execute(select(o.id).where(o.position.is_(None)).limit(1)).first() is None:
                return
        self.open_cursor(EVERYBODY)
        with store.writing(self._host.engine) as connection:
            connection.execute(update(store.cursors).where(c.plugin == EVERYBODY).values(position=c.position))
            last = connection.execute(select(c.position).where(c.plugin == EVERYBODY)).scalar_one()
            waiting = connection.execute(select(o.id).where(o.position.is_(None)).order_by(o.id)).scalars().all()
            for position, key in enumerate(waiting, last + 1):
                connection.execute(update(store.outbox).where(o.id == key).values(position=position))
            end = last + len(waiting)
            connection.execute(update(store.cursors).where(c.plugin == EVERYBODY).values(position=end))

    def open_cursor(self, plugin: str) -> None:
        """Make the plugin's cursor if it has none: it is told what happens from now on, not what has been."""
        c = store.cursors.c
        with store.reading(self._host.engine) as connection:
            if connection.execute(select(c.plugin).where(c.plugin == plugin)).first() is not None:
                return
        try:
            with store.writing(self._host.engine) as connection:
                values = {"plugin": plugin, "position": _last(connection), "attempts": 0}
                connection.execute(insert(store.cursors), values)
        except IntegrityError:
            return  # another process was first

    def _tell(self, listener: Implementation, limit: int) -> dict[int, Event]:
        plugin = listener.plugin
        told: dict[int, Event] = {}
        while len(told) < limit:
            row = self._claim(plugin)
            if row is None:
                break
            happened = Event(row.position, row.type, row.payload, row.at)
            try:
                self._host.dispatch.invoke(listener, {"event": happened})
            except PluginFailed:
                self._later(plugin)
                break
            self._done(plugin, row.position)
            told[row.position] = happened
        return told

    def _claim(self, plugin: str) -> Row[Any] | None:
        """The plugin's next event, leased to this process; None when there is none, or another process is at it."""
        o, c = store.outbox.c, store.cursors.c
        moment = now()
        free = (c.plugin == plugin) & (c.leased_until.is_(None) | (c.leased_until < moment))
        due = c.retry_at.is_(None) | (c.retry_at <= moment)
        with store.reading(self._host.engine) as connection:
            after = select(c.position).where(free & due).scalar_subquery()
            following = select(store.outbox).where(o.position > after).order_by(o.position).limit(1)
            row = connection.execute(following).first()
        if row is None:
            return None
        with store.writing(self._host.engine) as connection:
            mine = free & (c.position < row.position)
            lease = update(store.cursors).where(mine).values(leased_until=moment + LEASE)
            return row if connection.execute(lease).rowcount else None

    def _done(self, plugin: str, position: int) -> None:
        c = store.cursors.c
        values = {"position": position, "leased_until": None, "attempts": 0, "retry_at": None}
        with store.writing(self._host.engine) as connection:
            connection.execute(update(store.cursors).where(c.plugin == plugin, c.position < position).values(values))

    def _later(self, plugin: str) -> None:
        """It failed; its order forbids to go on, so it waits, longer each time."""
        c = store.cursors.c
        with store.writing(self._host.engine) as connection:
            attempts = connection.execute(select(c.attempts).where(c.plugin == plugin)).scalar_one() + 1
            wait = timedelta(seconds=min(LONGEST_WAIT, 2**attempts))
            values = {"attempts": attempts, "leased_until": None, "retry_at": now() + wait}
            connection.execute(update(store.cursors).where(c.plugin == plugin).values(values))

    def _forget(self, listening: list[str]) -> None:
        """Old events that all who listen have been told go; with nobody listening, all old ones.

        A plugin that is off for longer than that misses them.
        """
        o, c = store.outbox.c, store.cursors.c
        with store.reading(self._host.engine) as connection:
            slowest = connection.execute(select(func.min(c.position)).where(c.plugin.in_(listening))).scalar()
            old = o.at < now() - KEEP
            if slowest is not None:
                old &= o.position <= slowest
            if connection.execute(select(o.id).where(old).limit(1)).first() is None:
                return
        with store.writing(self._host.engine) as connection:
            connection.execute(delete(store.outbox).where(old))


def _last(connection: Connection) -> int:
    """The last position given out."""
    return int(connection.execute(select(func.max(store.outbox.c.position))).scalar() or 0)
