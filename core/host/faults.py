"""Failures of plugins: counted here at once, written to the database when no request's transaction is in the way."""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from core.db.types import now
from core.host import store
from core.host.status import FaultLine
from core.monitoring.identifiers import scrub

log = logging.getLogger(__name__)

KEEP = timedelta(days=30)
QUEUE = 200
LONGEST = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure. ``closed_until`` opens the breaker of that hook for every worker."""

    plugin: str
    hook: str
    kind: str
    reason: str
    trace: str = ""
    at: datetime | None = None
    closed_until: datetime | None = None


class Faults:
    """The failures of this process. ``counts`` is for metrics: by plugin, hook and kind."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[tuple[Fault, Callable[[], object]]] = deque(maxlen=QUEUE)
        self._lock = threading.Lock()
        self.counts: Counter[tuple[str, str, str]] = Counter()

    def note(self, fault: Fault, written: Callable[[], object] = lambda: None) -> None:
        """Log and count it now, write it later, then call ``written``.

        A write here could wait for the very transaction we are called in. What identifies somebody is taken out of
        reason and trace before anything else: those who run the system read them, and may not see customers.
        """
        fault = replace(fault, reason=scrub(fault.reason), trace=scrub(fault.trace))
        log.warning(
            "plugin %s failed in %s (%s): %s",
            fault.plugin,
            fault.hook,
            fault.kind,
            fault.reason,
            extra={"plugin": fault.plugin, "hook": fault.hook, "kind": fault.kind},
        )
        self.counts[fault.plugin, fault.hook, fault.kind] += 1
        with self._lock:
            self._waiting.append((fault, written))

    @property
    def waiting(self) -> bool:
        """Whether something has not been written yet."""
        return bool(self._waiting)

    def flush(self) -> int:
        """Write what waits, one row for failures that say the same; returns how many rows. Never raises."""
        with self._lock:
            batch = list(self._waiting)
            self._waiting.clear()
        if not batch:
            return 0
        try:
            rows = self._write([fault for fault, _ in batch])
        except SQLAlchemyError as error:
            if not store.is_missing_table(error):
                log.error("%d plugin failures could not be recorded: %s", len(batch), error)
            return 0
        for _, written in batch:
            written()
        return rows

    def _write(self, batch: list[Fault]) -> int:
        moment = now()
        merged: dict[tuple[str, str, str, str], tuple[Fault, int]] = {}
        for fault in batch:
            key = (fault.plugin, fault.hook, fault.kind, fault.reason)
            merged[key] = (fault, merged.get(key, (fault, 0))[1] + 1)
        rows: list[dict[str, Any]] = [
            {
                "plugin": f.plugin,
                "hook": f.hook[:200],
                "kind": f.kind,
                "reason": f.reason,
                "trace": f.trace,
                "count": times,
                "at": f.at or moment,
                "closed_until": f.closed_until,
            }
            for f, times in merged.values()
        ]
        with store.writing(self._engine) as connection:
            for row in rows:
                row["closed_until"] = _longer(connection, row)
            if any(row["closed_until"] for row in rows):
                store.bump(connection)
            connection.execute(insert(store.faults), rows)
            connection.execute(delete(store.faults).where(store.faults.c.at < moment - KEEP))
        return len(rows)


def _longer(connection: Connection, row: Mapping[str, Any]) -> datetime | None:
    """A hook that costs a worker again stays off twice as long as the last time, an hour at most."""
    until: datetime | None = row["closed_until"]
    if until is None:
        return None
    f = store.faults.c
    before = (f.plugin == row["plugin"]) & (f.hook == row["hook"]) & (f.at > row["at"] - timedelta(days=1))
    times = connection.execute(select(func.count()).where(before, f.closed_until.is_not(None))).scalar_one()
    began: datetime = row["at"]
    span: timedelta = (until - began) * int(2 ** min(times, 12))
    return began + min(LONGEST, span)


def closed(engine: Engine) -> dict[tuple[str, str], datetime]:
    """Hooks whose breaker is open, with the moment it closes."""
    f = store.faults.c
    with store.reading(engine) as connection:
        rows = connection.execute(select(f.plugin, f.hook, f.closed_until).where(f.closed_until > now())).all()
    found: dict[tuple[str, str], datetime] = {}
    for plugin, hook, until in rows:
        found[plugin, hook] = max(until, found.get((plugin, hook), until))
    return found


def recent(engine: Engine) -> dict[str, tuple[FaultLine, ...]]:
    """The failures of the last day by plugin, those that say the same in one line, oldest first."""
    f = store.faults.c
    found: dict[str, dict[tuple[str, str, str], FaultLine]] = defaultdict(dict)
    with store.reading(engine) as connection:
        for row in connection.execute(select(store.faults).where(f.at > now() - timedelta(days=1)).order_by(f.at)):
            lines, key = found[row.plugin], (row.hook, row.kind, row.reason)
            times = row._mapping["count"] + (lines[key].count if key in lines else 0)
            lines[key] = FaultLine(*key, times, row.at, row.closed_until)
    return {plugin: tuple(lines.values()) for plugin, lines in found.items()}
