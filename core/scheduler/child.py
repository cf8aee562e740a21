"""The child process that runs one job, so that it can be killed without harm to anything else."""

from __future__ import annotations

import traceback
from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING
from weakref import WeakSet

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from core.db.session import system_session
from core.scheduler.lease import token_holds
from core.scheduler.models import Run
from core.scheduler.runs import declared, finish

if TYPE_CHECKING:
    from core.contract import Job

LEASE = "scheduler"


class LostLease(Exception):
    """A later leader has taken over: nothing more of this run may be committed."""


class RunningJob:
    """The :class:`core.contract.JobRun` given to a job."""

    def __init__(self, run: Run) -> None:
        self.id = run.id
        self.business_date: date = run.business_date
        self._fence = run.fence or 0
        self._job = run.job
        self._sessions: WeakSet[Session] = WeakSet()

    def session(self) -> Session:
        """A session past row scope whose every commit first checks the leader's fencing token."""
        session = system_session(f"job {self._job}")
        event.listen(session, "before_commit", self._check)
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """Close what sessions the job left open, so that their locks do not keep its end from being written."""
        for session in list(self._sessions):
            session.close()

    def _check(self, session: Session) -> None:
        if not token_holds(session, LEASE, self._fence):
            raise LostLease(self._job)

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Record how far the job is, in its own short transaction."""
        with system_session("job progress") as session:
            session.execute(update(Run).where(Run.id == self.id).values(done=done, total=total, message=message[:400]))
            session.commit()


def run_one(run_id: int) -> str:
    """Run the job of a claimed run to its end; the state it ended in."""
    with system_session("job start") as session:
        run = session.execute(select(Run).where(Run.id == run_id)).scalar_one()
        known = declared().get(run.job)
        running = RunningJob(run)
    state, message = ("skipped", "its module is off") if known is None else _call(known[1], running)
    if state == "killed":
        return state  # whoever leads now finds the run without a process, ends it and queues it again
    with system_session("job end") as session:
        finish(session, run_id, state, message)
        session.commit()
    return state


def _call(job: Job, running: RunningJob) -> tuple[str, str]:
    try:
        with closing(running):
            job.run(running)
    except LostLease:
        return "killed", "another scheduler has taken over"
    except Exception as error:
        _keep_log(running.id, traceback.format_exc())
        return "failed", f"{type(error).__name__}: {error}"
    return "done", ""


def _keep_log(run_id: int, text: str) -> None:
    with system_session("job log") as session:
        session.execute(update(Run).where(Run.id == run_id).values(log=text[-20_000:]))
        session.commit()
