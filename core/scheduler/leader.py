"""The elected runner: once a second it renews its lease, queues what is due, starts and watches children.

APScheduler gives the clock; what is due is kept in ``core_job``, so nothing is lost with the process.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from flask import Flask

from core.contract.protocols import runtime
from core.db.session import system_session
from core.scheduler import runs
from core.scheduler.child import LEASE
from core.scheduler.lease import acquire, release

log = structlog.get_logger(__name__)

LEASE_SECONDS = 4.0
TICK_SECONDS = 1.0


@dataclass
class Child:
    """A running job process and the moment it must be over."""

    process: subprocess.Popen[bytes]
    deadline: float


@dataclass
class Leader:
    """One process's part in the election. ``command`` starts the child for a run number."""

    app: Flask
    command: tuple[str, ...] = (sys.executable, "-m", "core.cli", "job", "child")
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")
    children: dict[int, Child] = field(default_factory=dict)
    token: int | None = None

    def tick(self) -> None:
        """One round. Every exception ends here: a database that is away must not end the scheduler."""
        try:
            with self.app.app_context():
                self._round()
        except Exception:
            log.exception("scheduler round failed")
            self.token = None
        if self.token is None and self.children:
            self._stop_children("the scheduler lost its lease")

    def _round(self) -> None:
        with system_session("scheduler") as session:
            token = acquire(session, LEASE, self.holder, LEASE_SECONDS)
            if token is not None and token != self.token:
                runs.adopt(session, token)
                session.commit()
            self.token = token
        if self.token is None:
            return
        self._watch()
        with system_session("scheduler") as session:
            timezone = self.app.config["CRM"].timezone
            runs.sync(session, timezone)
            runs.enqueue_due(session, timezone)
            claimed = [(run.id, run.job) for run in runs.claim(session, self.token)]
            session.commit()
        for run_id, job in claimed:
            self._start(run_id, job)
        runtime().dispatch.deliver()

    def _start(self, run_id: int, job: str) -> None:
        known = runs.declared().get(job)
        limit = known[1].time_limit if known else 60
        # Its own process group, so that whatever the job started dies with it.
        process = subprocess.Popen([*self.command, str(run_id)], start_new_session=True)  # noqa: S603
        self.children[run_id] = Child(process, time.monotonic() + limit)

    def _watch(self) -> None:
        for run_id, child in list(self.children.items()):
            code = child.process.poll()
            if code is None and time.monotonic() < child.deadline:
                continue
            if code is None:
                _kill(child)
            del self.children[run_id]
            self._ended(run_id, code)

    def _ended(self, run_id: int, code: int | None) -> None:
        state, message = ("killed", "over its time limit") if code is None else ("failed", f"ended with code {code}")
        with system_session("scheduler") as session:
            stopped_here = runs.finish(session, run_id, state, message)
            if stopped_here or code not in (0, None):
                runs.retry(session, run_id)
            session.commit()

    def _stop_children(self, why: str) -> None:
        for run_id, child in self.children.items():
            log.warning("job stopped", run=run_id, why=why)
            _kill(child)
        self.children.clear()

    def stop(self) -> None:
        """Kill what runs and give the lease up."""
        self._stop_children("the scheduler is stopping")
        with self.app.app_context(), system_session("scheduler") as session:
            release(session, LEASE, self.holder)


def _kill(child: Child) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()


def orphaned() -> bool:
    """True when the server that started this process beside itself is gone."""
    parent = os.environ.get("CRM_PARENT_PID", "")
    return parent.isdigit() and os.getppid() != int(parent)


def serve(app: Flask) -> None:
    """Run until SIGTERM or SIGINT. After SIGHUP begin anew with the code there is then, once no job runs.

    Jobs themselves always run new code: each is a process of its own.
    """
    leader = Leader(app)
    clock = BackgroundScheduler(timezone="UTC")
    clock.add_job(leader.tick, "interval", seconds=TICK_SECONDS, max_instances=1, coalesce=True)
    stopping, renewing = threading.Event(), threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: renewing.set())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    clock.start()
    try:
        while not stopping.wait(TICK_SECONDS) and not orphaned():
            if renewing.is_set() and not leader.children:
                break
    finally:
        clock.shutdown(wait=True)
        leader.stop()
    if renewing.is_set() and not (stopping.is_set() or orphaned()):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # stays so until the new code listens
        os.execv(sys.executable, [sys.executable, "-m", "core.cli", "scheduler"])  # noqa: S606
