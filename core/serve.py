"""The web server: gunicorn with threads, and the scheduler beside it unless told otherwise.

SIGHUP to the master is the rolling restart: for each worker a new one with new code starts, and only when it answers is
an old one told to finish what it has. New code is really new because the master imports neither app nor plugins:
``crm serve`` becomes ``python -m core.serve``.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from core.config import Config, load

GRACE_SECONDS = 10
PAUSE_SECONDS = 3
PATIENCE_SECONDS = 10
AGE_BYTES = 4


class Beside:
    """The scheduler's process. It is started again when it dies."""

    def __init__(self) -> None:
        self.started = 0.0
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self.started = time.monotonic()
        # It watches its parent, for it must not outlive a master that was killed. Until it listens to SIGHUP itself
        # it ignores it: then it is loading new code anyway.
        return subprocess.Popen(
            [sys.executable, "-m", "core.cli", "scheduler"],
            env={**os.environ, "CRM_PARENT_PID": str(os.getpid())},
            preexec_fn=_ignore_hup,
        )

    def keep(self) -> None:
        """Start it again if it has ended, at most every few seconds."""
        if self.process.poll() is not None and time.monotonic() - self.started > PAUSE_SECONDS:
            self.process = self._start()

    def stop(self) -> None:
        """End it, which ends its jobs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()


def _limit_patience(arbiter: Any) -> None:
    """A client that stops in the middle of its request must not keep a thread for ever.

    Set on the listening sockets, whose connections inherit it (Linux); gunicorn has no such setting for threads.
    """
    for listener in arbiter.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", PATIENCE_SECONDS, 0))


def _ignore_hup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class RollingArbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's master with another way of taking SIGHUP.

    Gunicorn itself tells the old workers to end as soon as the new ones are forked, so that nobody answers while they
    load the application.
    """

    outdated = 0
    """Workers of this age or older run old code."""
    failed_at = -math.inf
    """When a worker last could not load the application."""

    def handle_hup(self) -> None:
        """All workers there are now are to be replaced, and the scheduler is to renew itself."""
        self.outdated = self.worker_age
        if self.app.scheduler is not None:
            self.app.scheduler.process.send_signal(signal.SIGHUP)

    def wait_for_signals(self, timeout: float = 1.0) -> Any:
        """As gunicorn does, looking more often while workers are being replaced."""
        return super().wait_for_signals(0.1 if self._old() else timeout)

    def manage_workers(self) -> None:
        """One more worker than wanted while old ones are there; one old one ends for each new one that is ready."""
        if self.app.scheduler is not None:
            self.app.scheduler.keep()
        if time.monotonic() - self.failed_at < PAUSE_SECONDS:
            return
        if not self._old():
            super().manage_workers()
            return
        staying = [w for w in self.WORKERS.values() if w.pid not in self.app.ending]
        if len(staying) <= self.num_workers:
            self.spawn_worker()
        elif self.app.all_ready({w.age for w in staying if w.age > self.outdated}):
            oldest = min(staying, key=lambda w: w.age)
            self.app.ending.add(oldest.pid)
            self.kill_worker(oldest.pid, signal.SIGTERM)

    def reap_workers(self) -> None:
        """As gunicorn does, but a worker that cannot load the application ends the server only while none ever could.

        Code or settings that were broken after the start must not take away the workers that still answer.
        """
        try:
            super().reap_workers()
        except HaltServer as error:
            if not self.app.ever_ready():
                raise
            self.log.error("%s The workers there are go on; another is tried in %s s.", error.reason, PAUSE_SECONDS)
            self.failed_at = time.monotonic()

    def _old(self) -> bool:
        self.app.ending &= set(self.WORKERS)
        return any(w.age <= self.outdated for w in self.WORKERS.values())


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn, configured by :class:`core.config.Config` instead of its own files and arguments."""

    def __init__(self, config: Config, scheduler: Beside | None = None) -> None:
        self.crm = config
        self.scheduler = scheduler
        self.ending: set[int] = set()
        """Workers that were told to end and have not ended yet."""
        self._ready: set[int] = set()
        self._hear, self._tell = os.pipe()
        os.set_blocking(self._hear, False)
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its settings."""
        settings: dict[str, Any] = {
            "bind": f"{self.crm.host}:{self.crm.port}",
            "workers": self.crm.workers,
            "threads": self.crm.threads,
            "worker_class": "gthread",
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            # Each worker loads the code itself: that is what makes SIGHUP a rolling restart with new code.
            "preload_app": False,
            "control_socket_disable": True,
            "proc_name": "jinqiao-crm",
            "accesslog": None,
            "loglevel": "warning",
            "when_ready": _limit_patience,
            "post_worker_init": self._started,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The app, made anew in each worker."""
        from core.app import create_app

        return create_app()

    def run(self) -> None:
        """Serve until told to stop."""
        RollingArbiter(self).run()

    def _started(self, worker: Any) -> None:
        """In the worker: its application is loaded, so it may be asked."""
        self.watch(worker.wsgi)
        os.write(self._tell, worker.age.to_bytes(AGE_BYTES))

    def watch(self, app: Any) -> None:
        """Watch over the worker from within."""
        from core.host import watch

        watch.start(app)

    def all_ready(self, ages: set[int]) -> bool:
        """In the master: whether the workers of these ages have all loaded their application."""
        return ages <= self._heard()

    def ever_ready(self) -> bool:
        """In the master: whether any worker ever has."""
        return bool(self._heard())

    def _heard(self) -> set[int]:
        with contextlib.suppress(BlockingIOError):
            while told := os.read(self._hear, AGE_BYTES):
                self._ready.add(int.from_bytes(told))
        return self._ready


def serve(config: Config, with_scheduler: bool = True) -> None:
    """Serve in the foreground until stopped. With ``with_scheduler`` a ``crm scheduler`` runs beside it."""
    scheduler = Beside() if with_scheduler else None
    try:
        Server(config, scheduler).run()
    finally:
        if scheduler is not None:
            scheduler.stop()


if __name__ == "__main__":
    os.umask(0o077)
    serve(load(), with_scheduler="--no-scheduler" not in sys.argv[1:])
