"""The nightly run: for each source, day after day, load what is complete and publish each day at once."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from pathlib import Path

from flask import current_app
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.contract import Feed
from core.db.session import system_session
from core.db.types import now
from core.warehouse import engine, partitions, publishing, quarantine
from core.warehouse.arrival import Delivery, LoadFailed, LoadHeld, deliveries, verify
from core.warehouse.failpoints import reach
from core.warehouse.feeds import feeds, in_order
from core.warehouse.models import Load, LoadState
from core.warehouse.sources import Source
from core.warehouse.staging import Staged, hold_if_suspicious, stage

Notify = Callable[[str, int], None]
"""Told the table being loaded and the rows read so far."""


class BatchBusy(Exception):
    """Another batch is running on this instance."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    source: str
    table: str
    date: date
    state: str
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    message: str = ""


@dataclass(slots=True)
class Report:
    """What a run did, and what it still waits for."""

    loads: list[Outcome] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 when a file failed, 3 when one is held, else 0. Waiting is no error."""
        states = {outcome.state for outcome in self.loads}
        return 1 if LoadState.FAILED in states else 3 if LoadState.HELD in states else 0


def run(sources: Sequence[Source], upto: date | None = None, notify: Notify | None = None) -> Report:
    """Load everything that is complete, up to a day, source by source. A source that stops does not stop the others.

    Raises:
        BatchBusy: another run holds the instance.
    """
    report, known = Report(), feeds()
    with _alone():
        _clear()
        for source in sources:
            _Source(source, known, report, notify or _silent).run(upto)
        with system_session("warehouse sweep") as session:
            partitions.sweep(session, engine.folder())
    return report


def release(source: Source, table: str | None, day: date | None) -> int:
    """Let held files of the source pass in the next run. How many there were."""
    statement = update(Load).where(Load.source == source.name, Load.state == LoadState.HELD)
    if table is not None:
        statement = statement.where(Load.table_name == table)
    if day is not None:
        statement = statement.where(Load.business_date == day)
    with system_session("warehouse release") as session:
        count = session.execute(statement.values(released=True)).rowcount  # type: ignore[attr-defined]
        session.commit()
    return int(count)


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


def _staging() -> Path:
    return engine.folder() / ".staging"


def _clear() -> None:
    """Remove what a killed run left: it holds the lock no more, so nothing of it is alive."""
    shutil.rmtree(_staging(), ignore_errors=True)
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

    def run(self, upto: date | None) -> None:
        """Day after day, until one is not complete, held or failed: what follows may build on it."""
        there = deliveries(self.source, current_app.config["CRM"].instance)
        for day, group in groupby(there, key=lambda d: d.business_date):
            if upto is not None and day > upto:
                break
            if not self._day(day, list(group)):
                break

    def _day(self, day: date, there: list[Delivery]) -> bool:
        """Load one day. False when the days after it have to wait."""
        twice = [d for d in there if sum(o.table == d.table for o in there) > 1]
        if twice:
            self._wait(day, f"table {twice[0].table.name} has several files")
            return False
        accepted, missing = self._due(day, there)
        if missing:
            self._wait(day, f"waits for {', '.join(missing)}")
            return False
        if not accepted:
            return True
        held = [d for d, is_held in accepted if is_held]
        for delivery in held:
            message = "held; look at it, then release it"
            self._tell(delivery, LoadState.HELD, message=message)
        return not held and self._load([delivery for delivery, _ in accepted])

    def _wait(self, day: date, why: str) -> None:
        self.report.waiting.append(f"{self.source.name} {day.isoformat()}: {why}")

    def _due(self, day: date, there: list[Delivery]) -> tuple[list[tuple[Delivery, bool]], list[str]]:
        """``(delivery, is held)`` of what is to be loaded, and the names of what is awaited."""
        ready = {d.table.name: d for d in there if d.ready}
        begun = False
        due: list[tuple[Delivery, bool]] = []
        absent: list[str] = []
        with system_session("warehouse arrival") as session:
            for table in self.source.tables:
                done = partitions_of_day(session, self.source.name, table.name, day)
                begun = begun or done is not None
                if table.feed not in self.known:
                    if table.name in ready and done is None:
                        self._wait(day, f"{table.name}: no enabled module takes {table.feed}")
                elif table.name not in ready:
                    if done is None and not table.optional:
                        absent.append(f"{table.name}{' (control file)' if _seen(there, table.name) else ''}")
                elif self._changed(session, ready[table.name], done):
                    due.append((ready[table.name], self._held(session, ready[table.name])))
            session.commit()
        # A day that is out already takes what is there: the rest was off, or not described, when it came.
        return due, [] if begun else absent

    @staticmethod
    def _changed(session: Session, delivery: Delivery, done: Load | None) -> bool:
        if done is None:
            return True
        if (done.size, done.modified) == delivery.stamp:
            return False
        try:
            same = verify(delivery).sha256 == done.sha256
        except LoadFailed:
            return True
        if same:
            done.size, done.modified = delivery.stamp
        return not same

    @staticmethod
    def _held(session: Session, delivery: Delivery) -> bool:
        last = _last(session, delivery, LoadState.HELD)
        return last is not None and not last.released

    def _tell(self, delivery: Delivery, state: str, staged: Staged | None = None, message: str = "") -> None:
        read, loaded, rejected = (staged.rows_read, staged.rows, len(staged.refusals)) if staged else (0, 0, 0)
        outcome = Outcome(
            self.source.name, delivery.table.name, delivery.business_date, str(state), read, loaded, rejected, message
        )
        self.report.loads.append(outcome)

    # -- loading one day -----------------------------------------------------------------------------------------------

    def _load(self, due: list[Delivery]) -> bool:
        wanted = {d.table.feed: self.known[d.table.feed] for d in due}
        order = {feed.name: number for number, feed in enumerate(in_order(wanted.values()))}
        due.sort(key=lambda d: (order[d.table.feed], d.table.name))
        ids = self._begin(due)
        staged: list[Staged] = []
        delivery = due[0]
        try:
            for delivery, load_id in zip(due, ids, strict=True):
                staged.append(self._stage(delivery, load_id, staged))
            reach("staged")
            self._publish(staged, ids)
        except (LoadFailed, LoadHeld) as error:
            state = LoadState.HELD if isinstance(error, LoadHeld) else LoadState.FAILED
            given = getattr(error, "position", None)
            culprit = due.index(delivery) if given is None else given
            self._end(ids, culprit, state, str(error))
            self._tell(due[culprit], state, message=str(error))
            return False
        for item in staged:
            self._tell(item.delivery, LoadState.PUBLISHED, item)
        return True

    def _begin(self, due: list[Delivery]) -> list[int]:
        with system_session("warehouse load") as session:
            loads = []
            for delivery in due:
                size, modified = delivery.stamp
                loads.append(
                    Load(
                        source=self.source.name,
                        table_name=delivery.table.name,
                        feed=delivery.table.feed,
                        business_date=delivery.business_date,
                        state=LoadState.LOADING,
                        file=str(delivery.path)[-400:],
                        size=size,
                        modified=modified,
                        started_at=now(),
                    )
                )
            session.add_all(loads)
            session.flush()
            ids = [load.id for load in loads]
            session.commit()
        reach("load_begun")
        return ids

    def _stage(self, delivery: Delivery, load_id: int, before: list[Staged]) -> Staged:
        feed, table = self.known[delivery.table.feed], delivery.table
        if table.mode != feed.mode:
            raise LoadFailed(f"the description says {table.mode}, {feed.name} is {feed.mode}")
        folder = _staging() / str(load_id)
        folder.mkdir(parents=True, mode=0o700)
        with system_session("warehouse references") as session:
            last = partitions.newest(session, self.source.name, table.name, delivery.business_date)
            rows_before = last.rows if last else 0
            released = _last(session, delivery, LoadState.HELD) is not None

        def references(name: str) -> list[str]:
            return self._files(name, delivery.business_date, before)

        def progress(rows: int) -> None:
            self.notify(f"{self.source.name} {delivery.business_date} {table.name}", rows)

        staged = stage(delivery, feed, verify(delivery), folder, references, progress)
        progress(staged.rows_read)
        if not released:
            hold_if_suspicious(staged, rows_before)
        with system_session("warehouse quarantine") as session:
            quarantine.keep(session, load_id, staged.refusals)
        return staged

    def _files(self, feed: str, day: date, before: list[Staged]) -> list[str]:
        """What a reference into ``feed`` is looked up in: this day's staged files, then what is published."""
        fresh = {(s.delivery.source.name, s.delivery.table.name): s.file for s in before if s.feed.name == feed}
        mode = self.known[feed].mode if feed in self.known else "full"
        with system_session("warehouse references") as session:
            old = partitions.published(session, feed, mode, day)
        kept = [
            str(engine.folder() / p.path)
            for p in old
            if p.legal_entity == self.source.legal_entity
            and ((p.source, p.table) not in fresh or (mode == "incremental" and p.business_date != day))
        ]
        return [str(path) for path in fresh.values()] + kept

    def _publish(self, staged: list[Staged], ids: list[int]) -> None:
        paths = publishing.place(staged, engine.folder())
        with system_session("warehouse publish") as session:
            publishing.publish(session, staged, ids, paths)
            session.commit()
        reach("committed")
        for load_id in ids:
            shutil.rmtree(_staging() / str(load_id), ignore_errors=True)

    def _end(self, ids: list[int], culprit: int, state: LoadState, message: str) -> None:
        """Note why the day was not published; the other files of the day are as if never tried."""
        with system_session("warehouse load ended") as session:
            quarantine.forget(session, [load_id for number, load_id in enumerate(ids) if number != culprit])
            session.execute(delete(Load).where(Load.id.in_([i for n, i in enumerate(ids) if n != culprit])))
            load = session.get_one(Load, ids[culprit])
            same = (Load.source == load.source, Load.table_name == load.table_name, Load.id != load.id)
            stale = (Load.business_date == load.business_date, Load.state.in_([LoadState.FAILED, LoadState.HELD]))
            session.execute(delete(Load).where(*same, *stale))
            load.state, load.message, load.ended_at = state, message, now()
            session.commit()
        for load_id in ids:
            shutil.rmtree(_staging() / str(load_id), ignore_errors=True)


def _seen(there: list[Delivery], table: str) -> bool:
    return any(delivery.table.name == table for delivery in there)


def partitions_of_day(session: Session, source: str, table: str, day: date) -> Load | None:
    """The load whose partition is published for that day."""
    statement = select(Load).where(
        Load.source == source, Load.table_name == table, Load.business_date == day, Load.state == LoadState.PUBLISHED
    )
    return session.scalars(statement).first()


def _last(session: Session, delivery: Delivery, state: LoadState) -> Load | None:
    """The load of this very file in this state."""
    size, modified = delivery.stamp
    statement = select(Load).where(
        Load.source == delivery.source.name, Load.table_name == delivery.table.name,
        Load.business_date == delivery.business_date, Load.state == state,
        Load.size == size, Load.modified == modified,
    )  # fmt: skip
    return session.scalars(statement.order_by(Load.id.desc())).first()
