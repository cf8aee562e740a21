"""Declared jobs to rows, due rows to runs, runs to their ends. Each function is one short unit of work."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from core.contract import Job
from core.contract.protocols import runtime
from core.db.types import now
from core.scheduler import cron
from core.scheduler.models import JobRow, Run

log = structlog.get_logger(__name__)


def declared() -> dict[str, tuple[str, Job]]:
    """Jobs of enabled plugins: name to (plugin, job)."""
    return {job.name: (plugin, job) for plugin, job in runtime().registry.of("crm_jobs")}


def sync(session: Session, timezone: str) -> None:
    """Give every declared job its row and next due moment. What IT changed in a row stays."""
    rows = {row.name: row for row in session.execute(select(JobRow)).scalars()}
    for name, (plugin, job) in declared().items():
        if name not in rows:
            rows[name] = JobRow(name=name, plugin=plugin, schedule=job.schedule)
            session.add(rows[name])
        row = rows[name]
        if row.next_due is None and row.schedule and not cron.trouble(row.schedule):  # new, or its line was mended
            row.next_due = next_due(row.schedule, timezone)


def schedules(session: Session) -> dict[str, str | None]:
    """The cron line in force for each declared job: what IT set, else what it was declared with; None for none."""
    kept = {row.name: row.schedule for row in session.execute(select(JobRow)).scalars()}
    return {name: kept.get(name, job.schedule) for name, (_, job) in declared().items()}


def next_due(schedule: str, timezone: str, after: datetime | None = None) -> datetime | None:
    """The first moment of a five-field cron line after ``after`` (default: now).

    Raises:
        ValueError: the line is not a cron line.
    """
    moment: datetime | None = cron.trigger(schedule, timezone).get_next_fire_time(None, after or now())
    return moment


def enqueue_due(session: Session, timezone: str) -> list[int]:
    """Queue a run for each job that fell due; the row's next due moment moves on in the same transaction.

    A job that fell due while its plugin was off, or several times while no leader lived, gets one run, not many. One
    whose line cannot be read is not due again until the line is mended: it must not stop the others.
    """
    known = declared()
    moment = now()
    due = select(JobRow).where(JobRow.next_due <= moment, JobRow.paused.is_(False), JobRow.schedule.is_not(None))
    queued = []
    for row in session.execute(due).scalars():
        assert row.schedule is not None  # the query asked for it  # noqa: S101
        trouble = cron.trouble(row.schedule)
        if trouble:
            log.error("job_schedule_unreadable", job=row.name, schedule=row.schedule, why=trouble)
        row.next_due = None if trouble else next_due(row.schedule, timezone, moment)
        if row.name in known:
            queued.append(enqueue(session, row.name, moment.astimezone(ZoneInfo(timezone)).date(), "schedule"))
    return queued


def enqueue(session: Session, job: str, business_date: date, by: str, attempt: int = 1) -> int:
    """Queue one run and give its number."""
    run = Run(job=job, business_date=business_date, requested_by=by, queued_at=now(), attempt=attempt)
    session.add(run)
    session.flush()
    return run.id


def claim(session: Session, fence: int) -> list[Run]:
    """Mark every queued run as started by the leader with this fencing token, oldest first.

    A job already running is left queued: one run of a job at a time.
    """
    busy = set(session.execute(select(Run.job).where(Run.state == "running")).scalars())
    claimed = []
    for run in session.execute(select(Run).where(Run.state == "queued").order_by(Run.id)).scalars():
        if run.job not in busy:
            run.state, run.fence, run.started_at = "running", fence, now()
            busy.add(run.job)
            claimed.append(run)
    return claimed


def finish(session: Session, run_id: int, state: str, message: str = "") -> bool:
    """End a run that is still running. False when it had ended already."""
    ended = session.execute(
        update(Run)
        .where(Run.id == run_id, Run.state == "running")
        .values(state=state, ended_at=now(), message=message[:400])
    )
    return bool(cast(CursorResult[Any], ended).rowcount)


def adopt(session: Session, fence: int, children: Collection[int] = ()) -> list[int]:
    """Take back what is marked as running and is no child of the leader with this token: nobody works on it any more.

    Such runs are ended as killed and queued again; the numbers of the new runs. A later leader's are left alone.
    """
    again = []
    left = select(Run).where(Run.state == "running", Run.fence <= fence, Run.id.not_in(list(children)))
    for run in session.execute(left).scalars():
        run.state, run.ended_at, run.message = "killed", now(), "the scheduler that started it is gone"
        again.append(enqueue(session, run.job, run.business_date, "take-over", run.attempt))
    return again


def retry(session: Session, run_id: int) -> int | None:
    """Queue another attempt of a failed run while its job allows one."""
    run = session.get_one(Run, run_id)
    known = declared().get(run.job)
    if known is None or run.attempt > known[1].retries:
        return None
    return enqueue(session, run.job, run.business_date, "retry", run.attempt + 1)
