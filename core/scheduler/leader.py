"""The elected runner: once a second it renews its lease, queues what is due, starts and watches children.

Nothing of a plugin runs here: jobs are children, and so is the courier, which delivers events. What is due is kept in
``core_job``, so nothing is lost with the process.
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
from flask import Flask

from core.db.session import system_session
from core.scheduler import runs
from core.scheduler.child import LEASE
from core.scheduler.lease import acquire, release, token_holds

log = structlog.get_logger(__name__)

LEASE_SECONDS = 4.0
TICK_SECONDS = 1.0
PAUSE_SECONDS = 3.0
"""How long a courier that has ended is not started again."""
CRM = (sys.executable, "-m", "core.cli")


@dataclass
class Child:
    """A running job process, the moment it must be over, and whether it was killed for that."""

    process: subprocess.Popen[bytes]
    deadline: float
    overdue: bool = False


@dataclass
class Leader:
    """One process's part in the election. ``command`` starts the child for a run number, ``courier`` the courier."""

    app: Flask
    command: tuple[str, ...] = (*CRM, "job", "child")
    courier: tuple[str, ...] = (*CRM, "courier")
    holder: str = field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}")
    children: dict[int, Child] = field(default_factory=dict)
    token: int | None = None
    _until: float = 0.0
    _courier: subprocess.Popen[bytes] | None = None
    _courier_began: float = 0.0

    def tick(self) -> None:
        """One round. Every exception ends here: a database that is away must not end the scheduler.

        What runs goes on for as long as the lease stands, and no job runs longer than it may, whatever fails.
        """
        self._kill_overdue()
        try:
            with self.app.app_context():
                self._round()
        except Exception:
            log.exception("scheduler round failed")
            if time.monotonic() >= self._until:
                self.token = None
        if self.token is None:
            self._stop_children("the scheduler lost its lease")
            self._stop_courier()

    def _round(self) -> None:
        if not self._elected():
            return
        self._watch()
        with system_session("scheduler") as session:
            timezone = self.app.config["CRM"].timezone
            runs.sync(session, timezone)
            runs.enqueue_due(session, timezone)
            claimed = [(run.id, run.job) for run in runs.claim(session, self.token or 0)]
            session.commit()
        for run_id, job in claimed:
            self._start(run_id, job)
        self._keep_courier()

    def _elected(self) -> bool:
        """Take or renew the lease; as its holder take back what runs without a process of ours."""
        until = time.monotonic() + LEASE_SECONDS
        with system_session("scheduler") as session:
            token = acquire(session, LEASE, self.holder, LEASE_SECONDS)
            if token is not None and token != self.token:
                self._stop_children("the scheduler had lost its lease")  # they could commit nothing any more
            self.token, self._until = token, until
            if token is None:
                return False
            if runs.adopt(session, token, self.children):
                session.commit()
        return True

    def _start(self, run_id: int, job: str) -> None:
        known = runs.declared().get(job)
        limit = known[1].time_limit if known else 60
        # Its own process group, so that whatever the job started dies with it.
        process = subprocess.Popen([*self.command, str(run_id)], start_new_session=True)  # noqa: S603
        self.children[run_id] = Child(process, time.monotonic() + limit)

    def _kill_overdue(self) -> None:
        for child in self.children.values():
            if child.process.poll() is None and time.monotonic() >= child.deadline:
                child.overdue = True
                _kill(child.process)

    def _watch(self) -> None:
        for run_id, child in list(self.children.items()):
            code = child.process.poll()
            if code is not None:
                self._ended(run_id, None if child.overdue else code)
                del self.children[run_id]  # only now: what is written nowhere must be tried again

    def _ended(self, run_id: int, code: int | None) -> None:
        state, message = ("killed", "over its time limit") if code is None else ("failed", f"ended with code {code}")
        with system_session("scheduler") as session:
            stopped_here = runs.finish(session, run_id, state, message)
            if stopped_here or code not in (0, None):
                runs.retry(session, run_id)
            session.commit()

    def _stop_children(self, why: str) -> None:
        """Kill what runs. Whoever leads next finds the rows without a process and queues them again."""
        for run_id, child in self.children.items():
            log.warning("job stopped", run=run_id, why=why)
            _kill(child.process)
        self.children.clear()

    # -- the courier --------------------------------------------------------------------------------------------------

    def _keep_courier(self) -> None:
        """Start it, and again when it has ended: it ends itself over a hook that does not come back."""
        moment = time.monotonic()
        if self._courier is not None and (self._courier.poll() is None or moment - self._courier_began < PAUSE_SECONDS):
            return
        environment = {**os.environ, "CRM_PARENT_PID": str(os.getpid())}
        self._courier = subprocess.Popen(self.courier, env=environment, start_new_session=True)  # noqa: S603
        self._courier_began = moment

    def _stop_courier(self) -> None:
        if self._courier is None:
            return
        self._courier.terminate()
        try:
            self._courier.wait(timeout=2)
        except subprocess.TimeoutExpired:
            _kill(self._courier)
        self._courier = None

    def stop(self) -> None:
        """Kill what runs, queue it again for the next leader, and give the lease up."""
        self._stop_children("the scheduler is stopping")
        self._stop_courier()
        with self.app.app_context(), system_session("scheduler") as session:
            if self.token is not None and token_holds(session, LEASE, self.token):
                runs.adopt(session, self.token)
                session.commit()
            release(session, LEASE, self.holder)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def orphaned() -> bool:
    """True when the server that started this process beside itself is gone."""
    parent = os.environ.get("CRM_PARENT_PID", "")
    return parent.isdigit() and os.getppid() != int(parent)


def serve(app: Flask) -> None:
    """Run until SIGTERM or SIGINT. After SIGHUP begin anew with the code there is then, once no job runs.

    Jobs themselves always run new code: each is a process of its own.
    """
    leader = Leader(app)
    stopping, renewing = threading.Event(), threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: renewing.set())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        while not stopping.wait(TICK_SECONDS) and not orphaned():
            if renewing.is_set() and not leader.children:
                break
            leader.tick()
    finally:
        leader.stop()
    if renewing.is_set() and not (stopping.is_set() or orphaned()):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # stays so until the new code listens
        os.execv(sys.executable, [sys.executable, "-m", "core.cli", "scheduler"])  # noqa: S606
