"""The nightly run: for each source, day after day, load what is complete and publish it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import groupby

from flask import current_app
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from core.contract import Feed
from core.db.session import system_session
from core.db.types import now
from core.warehouse import engine, lateness, partitions, quarantine
from core.warehouse.arrival import Delivery, LoadFailed, complete, deliveries, strays, verify
from core.warehouse.day import Day
from core.warehouse.feeds import feeds
from core.warehouse.models import Load, LoadState
from core.warehouse.report import Notify, Outcome, Report
from core.warehouse.sources import Source
from core.warehouse.words import _

__all__ = ["BatchBusy", "Report", "run"]


class BatchBusy(Exception):
    """Another batch is running on this instance."""


def run(
    sources: Sequence[Source], upto: date | None = None, notify: Notify | None = None, moment: datetime | None = None
) -> Report:
    """Load everything that is complete, up to a day, source by source. A source that stops does not stop the others.

    ``moment`` (now) decides what is overdue.

    Raises:
        BatchBusy: another run holds the instance.
    """
    report, known = Report(), feeds()
    with _alone():
        _clear()
        for source in sources:
            instance = current_app.config["CRM"].instance
            there = deliveries(source, instance)
            for stray in strays(source, instance):
                report.waiting.append(_("%(source)s: the name of %(path)s is no day", source=source.name, path=stray))
            _Source(source, known, report, notify or _silent).run(there, upto)
            with system_session("warehouse lateness") as session:
                report.overdue += lateness.overdue(session, source, there, known.keys(), moment or now())
        with system_session("warehouse sweep") as session:
            partitions.sweep(session, engine.folder())
    return report


def _silent(table: str, rows: int) -> None:
    return None


@contextmanager
def _alone() -> Iterator[None]:
    handle = os.open(engine.folder() / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BatchBusy("another batch is running on this instance") from None
    finally:
        os.close(handle)


def _clear() -> None:
    """Remove what a killed run left: it holds the lock no more, so nothing of it is alive."""
    shutil.rmtree(engine.staging(), ignore_errors=True)
    with system_session("warehouse recovery") as session:
        dead = list(session.scalars(select(Load.id).where(Load.state == LoadState.LOADING)))
        if dead:
            quarantine.forget(session, dead)
            session.execute(delete(Load).where(Load.id.in_(dead)))
            session.commit()


class _Source:
    """One source in one run."""

    def __init__(self, source: Source, known: dict[str, Feed], report: Report, notify: Notify) -> None:
        self.source, self.known, self.report, self.notify = source, known, report, notify

    def run(self, there: Sequence[Delivery], upto: date | None) -> None:
        """Day after day, until one is not complete. A table that does not get in waits with its later days."""
        stuck: set[str] = set()
        for business_date, group in groupby(there, key=lambda d: d.business_date):
            if upto is not None and business_date > upto:
                break
            day = Day(self.source, business_date, self.known, stuck, self.report, self.notify)
            if not self._day(day, list(group)):
                break

    def _day(self, day: Day, there: Sequence[Delivery]) -> bool:
        """Load what is due. False when the day is not complete, and later ones have to wait for it."""
        with system_session("warehouse arrival") as session:
            due, missing = self._due(session, day, there)
            session.commit()
        if missing:
            day.wait(_("waits for %(missing)s", missing=", ".join(missing)))
            self._name_broken(day, due)
            return False
        before = [delivery for delivery in due if delivery.table.name in day.stuck]
        for delivery in before:
            day.wait(_("%(table)s waits for its earlier day", table=delivery.table.name))
        day.load([delivery for delivery in due if delivery not in before])
        with system_session("warehouse arrival") as session:
            # What was redelivered in vain for a day that is out keeps no later day back.
            day.stuck -= {n for n in day.stuck if partitions.published_load(session, self.source.name, n, day.day)}
        return True

    def _name_broken(self, day: Day, due: Sequence[Delivery]) -> None:
        """What is wrong with files that are there, while others are awaited: both can be sent again at once."""
        for delivery in due:
            try:
                verify(delivery)
            except (LoadFailed, OSError) as error:
                name, state = delivery.table.name, LoadState.FAILED.value
                self.report.loads.append(Outcome(self.source.name, name, day.day, state, message=str(error)))

    def _due(self, session: Session, day: Day, there: Sequence[Delivery]) -> tuple[list[Delivery], list[str]]:
        """What is to be loaded, and what is awaited."""
        ready, doubtful = complete(there)
        due: list[Delivery] = []
        absent: list[str] = []
        untaken: list[tuple[str, str]] = []
        begun = False
        for table in self.source.tables:
            done = partitions.published_load(session, self.source.name, table.name, day.day)
            begun = begun or done is not None
            if table.feed not in self.known:
                if table.name in ready and done is None:
                    untaken.append((table.name, table.feed))
            elif table.name in ready:
                if done is None or _changed(ready[table.name], done):
                    due.append(ready[table.name])
            elif done is None and (table.name in doubtful or not table.optional):
                absent.append(f"{table.name}{doubtful.get(table.name, '')}")
        self._untaken(day, untaken, alone=not (begun or due or absent))
        if begun and absent:
            day.wait(_("waits for %(missing)s", missing=", ".join(absent)))
        # A day that is out already takes what is there: the rest was off, or not described, when it came.
        return due, [] if begun else absent

    def _untaken(self, day: Day, files: Sequence[tuple[str, str]], *, alone: bool) -> None:
        """Tell of files no module takes. Nothing is wrong while others get in; ``alone``, the day has come in vain."""
        if files and alone:
            names = ", ".join(table for table, _feed in files)
            why = _("nothing loaded: no enabled module takes %(tables)s", tables=names)
            self.report.untaken.append(f"{self.source.name} {day.day.isoformat()}: {why}")
            return
        for table, feed in files:
            day.wait(_("%(table)s: no enabled module takes %(feed)s", table=table, feed=feed))


def _changed(delivery: Delivery, done: Load) -> bool:
    """True when the file is another than the one that was loaded. One only touched is remembered as the same."""
    if (done.size, done.modified) == delivery.stamp:
        return False
    try:
        same = verify(delivery).sha256 == done.sha256
    except (LoadFailed, OSError):
        return True
    if same:
        done.size, done.modified = delivery.stamp
    return not same
