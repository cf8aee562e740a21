"""One business day of one source: what is due is staged, judged, and published in one transaction.

A file at fault keeps back itself and those whose rows refer to it, nobody else. It is looked at afresh in every run, so
what was kept back goes in by itself once the fault is mended: there is no state to be reset.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from core.contract import Feed
from core.db.session import system_session
from core.db.types import now
from core.warehouse import engine, holds, judge, partitions, publishing, quarantine
from core.warehouse.arrival import Delivery, LoadFailed, LoadHeld, LoadWaits, verify
from core.warehouse.failpoints import reach
from core.warehouse.feeds import in_order
from core.warehouse.models import Load, LoadState
from core.warehouse.report import Notify, Outcome, Report
from core.warehouse.sources import Source
from core.warehouse.staging import Progress, Staged, stage
from core.warehouse.words import _


@dataclass(slots=True)
class Attempt:
    """One file on its way in."""

    delivery: Delivery
    load_id: int
    sha256: str = ""
    """Of the delivered file, once it is known."""
    released: bool = False
    staged: Staged | None = None

    @property
    def table(self) -> str:
        """Name of the table."""
        return self.delivery.table.name


class Day:
    """Loads what is due of one day. ``stuck`` are the tables that are not in, of this day or of one before."""

    def __init__(
        self, source: Source, day: date, known: Mapping[str, Feed], stuck: set[str], report: Report, notify: Notify
    ) -> None:
        self.source, self.day, self.known = source, day, known
        self.stuck, self.report, self.notify = stuck, report, notify

    def load(self, due: Sequence[Delivery]) -> None:
        """Publish what can be published; say of the rest why not."""
        order = {feed.name: number for number, feed in enumerate(in_order(self.known[d.table.feed] for d in due))}
        attempts = self._begin(sorted(due, key=lambda d: (order[d.table.feed], d.table.name)))
        staged: list[Attempt] = []
        for attempt in attempts:
            if self._try(attempt, staged):
                staged.append(attempt)
        if staged:
            reach("staged")
            self._publish(staged)
        for attempt in attempts:
            shutil.rmtree(_folder(attempt), ignore_errors=True)

    def wait(self, why: str) -> None:
        """Tell what is waited for; nothing is wrong with it."""
        self.report.waiting.append(f"{self.source.name} {self.day.isoformat()}: {why}")

    # -- staging -------------------------------------------------------------------------------------------------------

    def _begin(self, due: Sequence[Delivery]) -> list[Attempt]:
        with system_session("warehouse load") as session:
            loads = [_new_load(delivery) for delivery in due]
            session.add_all(loads)
            session.flush()
            attempts = [Attempt(delivery, load.id) for delivery, load in zip(due, loads, strict=True)]
            session.commit()
        reach("load_begun")
        return attempts

    def _try(self, attempt: Attempt, before: Sequence[Attempt]) -> bool:
        try:
            self._stage(attempt, before)
        except LoadWaits as waits:
            self._put_back(attempt, str(waits))
        except LoadHeld as held:
            self._end(attempt, LoadState.HELD, f"{held}{holds.how_to_release(attempt.delivery)}")
        except LoadFailed as failed:
            self._end(attempt, LoadState.FAILED, str(failed))
        except (OSError, engine.EngineFailed) as error:
            self._end(attempt, LoadState.FAILED, _("It could not be staged: %(reason)s", reason=error))
        else:
            return True
        return False

    def _stage(self, attempt: Attempt, before: Sequence[Attempt]) -> None:
        delivery, feed = attempt.delivery, self.known[attempt.delivery.table.feed]
        if delivery.table.mode != feed.mode:
            said = {"said": delivery.table.mode, "feed": feed.name, "mode": feed.mode}
            raise LoadFailed(_("The description says %(said)s, but %(feed)s is %(mode)s.", **said))
        verified = verify(delivery)
        attempt.sha256 = verified.sha256
        with system_session("warehouse references") as session:
            attempt.released = holds.is_released(session, delivery, verified.sha256)
            last = judge.before(session, delivery)
        if not attempt.released:
            judge.look(delivery)
        folder = _folder(attempt)
        folder.mkdir(parents=True, mode=0o700)
        progress = self._progress(attempt)
        attempt.staged = stage(
            delivery, feed, verified, folder, lambda name: self._files(name, attempt, before), progress
        )
        progress(attempt.staged.rows_read)
        if not attempt.released:
            judge.weigh(attempt.staged, last)
        with system_session("warehouse quarantine") as session:
            quarantine.keep(session, attempt.load_id, attempt.staged.refusals)

    def _progress(self, attempt: Attempt) -> Progress:
        name = f"{self.source.name} {self.day} {attempt.table}"
        return lambda rows: self.notify(name, rows)

    def _files(self, feed: str, attempt: Attempt, before: Sequence[Attempt]) -> list[str]:
        """What a reference into ``feed`` is looked up in: this day's staged files, then what is published.

        A feed that refers to itself is looked up in the file being staged too, which ``stage`` sees to.
        """
        self._let_nothing_pass(feed)
        fresh = {a.table: a.staged.file for a in before if a.staged and a.staged.feed.name == feed}
        mode = self.known[feed].mode if feed in self.known else "full"
        with system_session("warehouse references") as session:
            old = partitions.published(session, feed, mode, self.day)
        kept = [p for p in old if p.legal_entity == self.source.legal_entity]
        # A fresh file stands in for the newest of a full table, and for the same day of an incremental one.
        coming = {*fresh, attempt.table}
        renewed = [p for p in kept if p.source == self.source.name and p.table in coming]
        gone = {p.path for p in renewed if mode == "full" or p.business_date == self.day}
        return [str(path) for path in fresh.values()] + [
            str(engine.folder() / p.path) for p in kept if p.path not in gone
        ]

    def _let_nothing_pass(self, feed: str) -> None:
        """Rows that refer to a table that is not in would be refused, or be joined to yesterday's: they wait."""
        blocking = sorted(name for name in self.stuck if self.source.table(name).feed == feed)
        if blocking:
            raise LoadWaits(", ".join(blocking))

    # -- publishing ----------------------------------------------------------------------------------------------------

    def _publish(self, attempts: list[Attempt]) -> None:
        while attempts:
            staged, ids = [a.staged for a in attempts if a.staged], [a.load_id for a in attempts]
            paths = publishing.place(staged, engine.folder())
            try:
                with system_session("warehouse publish") as session:
                    publishing.publish(session, staged, ids, paths)
                    session.commit()
            except publishing.ApplyFailed as error:
                culprit = attempts[error.position]
                text = _("%(feed)s could not be taken in: %(reason)s", feed=culprit.delivery.table.feed, reason=error)
                self._end(culprit, LoadState.FAILED, text)
                attempts = list(self._unharmed(attempts, culprit))
                continue
            reach("committed")
            for attempt in attempts:
                self._tell(attempt, LoadState.PUBLISHED)
            return

    def _unharmed(self, attempts: Sequence[Attempt], culprit: Attempt) -> Iterator[Attempt]:
        """Those whose rows refer to nothing that is not in; the others wait from now on."""
        for attempt in attempts:
            if attempt is culprit or attempt.staged is None:
                continue
            try:
                for feed in sorted(attempt.staged.refers):
                    self._let_nothing_pass(feed)
            except LoadWaits as waits:
                self._put_back(attempt, str(waits))
            else:
                yield attempt

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _put_back(self, attempt: Attempt, blocking: str) -> None:
        """As if never tried."""
        self.stuck.add(attempt.table)
        with system_session("warehouse load waits") as session:
            _forget(session, attempt.load_id)
            session.commit()
        self.wait(_("%(table)s waits for %(others)s", table=attempt.table, others=blocking))

    def _end(self, attempt: Attempt, state: LoadState, message: str) -> None:
        """Note why the file is not in, in place of what an earlier run noted."""
        self.stuck.add(attempt.table)
        with system_session("warehouse load ended") as session:
            load = session.get_one(Load, attempt.load_id)
            quarantine.forget(session, [load.id])
            load.state, load.message, load.ended_at = state, message, now()
            load.sha256, load.released = attempt.sha256, attempt.released
            session.execute(delete(Load).where(*publishing.superseded(load)))
            session.commit()
        self._tell(attempt, state, message)

    def _tell(self, attempt: Attempt, state: LoadState, message: str = "") -> None:
        done, counts = attempt.staged, (0, 0, 0)
        if done is not None:
            counts = (done.rows_read, done.rows, len(done.refusals))
        self.report.loads.append(Outcome(self.source.name, attempt.table, self.day, str(state), *counts, message))


def _folder(attempt: Attempt) -> Path:
    return engine.staging() / str(attempt.load_id)


def _new_load(delivery: Delivery) -> Load:
    size, modified = delivery.stamp
    return Load(
        source=delivery.source.name, table_name=delivery.table.name, feed=delivery.table.feed,
        business_date=delivery.business_date, state=LoadState.LOADING, file=str(delivery.path)[-400:],
        size=size, modified=modified, started_at=now(),
    )  # fmt: skip


def _forget(session: Session, load_id: int) -> None:
    quarantine.forget(session, [load_id])
    session.execute(delete(Load).where(Load.id == load_id))
