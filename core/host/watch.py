"""A worker process watches itself: it beats, it notices hooks that do not come back, and it makes way for another.

Two threads: one beats (it talks to the database and may wait for it), one looks at the clock (it waits for nobody).
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask
from sqlalchemy import Engine, Row, delete, insert, select, update
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from core.db.types import now
from core.host import statements, store
from core.host.blackbox import BlackBox
from core.host.faults import Fault

if TYPE_CHECKING:
    from core.host import Host

log = logging.getLogger(__name__)

LONGEST_SILENCE = timedelta(minutes=10)
"""After so long the process with a silent worker's number is somebody else's."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. ``hard``: a hook that runs longer costs the worker; ``beat``: after such a silence it serves no more."""

    hard: float = 4.0
    grace: float = 2.0
    tick: float = 0.25
    beat_every: float = 1.0
    beat: float = 15.0
    breaker: float = 60.0

    @property
    def statement(self) -> float:
        """A statement fails after so long, which costs only the hook it is in."""
        return self.hard * 0.8

    @property
    def frozen(self) -> float:
        """Nothing of Python ran for so long: a hook sits in C code and lets no thread go on, this clock neither."""
        return self.hard + 1.0

    @property
    def stale(self) -> timedelta:
        """Age of a beat after which the worker counts as gone; it has stopped serving before that."""
        return timedelta(seconds=self.beat + 5)


@dataclass(slots=True)
class Call:
    """Code of a plugin that is running now."""

    plugin: str
    hook: str
    thread: int
    started: float
    cpu_clock: int
    cpu_started: float
    overdue: bool = False

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def kind(self) -> str:
        """``spins`` when its thread has been computing, ``waits`` when it has been waiting."""
        try:
            used = time.clock_gettime(self.cpu_clock) - self.cpu_started
        except OSError:  # the thread has just ended
            return "waits"
        return "spins" if used > 0.2 * self.elapsed else "waits"


class Watch:
    """What a worker knows about itself. Without :meth:`start` it only keeps count: commands need no threads."""

    def __init__(self, host: Host, limits: Limits | None = None) -> None:
        self.host = host
        self.limits = limits or Limits()
        self.recycle: Callable[[Watch], None] = recycle
        self._calls: dict[int, Call] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._last_beat = time.monotonic()
        self._leaving_at: float | None = None
        self._box = BlackBox(host.app.config["CRM"].instance / "faults")
        self.identity = (socket.gethostname()[:200], os.getpid())

    # -- calls --------------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self, plugin: str, hook: str) -> Iterator[Call]:
        """While inside, this thread runs code of that plugin."""
        thread = threading.get_ident()
        call = Call(plugin, hook, thread, time.monotonic(), time.pthread_getcpuclockid(thread), time.thread_time())
        outer = self._calls.get(thread)
        self._calls[thread] = call
        slot = self._box.enter(plugin, hook)
        try:
            yield call
        finally:
            self._box.leave(slot)
            if outer is None:
                self._calls.pop(thread, None)
            else:
                self._calls[thread] = outer

    def too_long(self) -> bool:
        """Whether this thread runs code of a plugin that should have come back."""
        call = self._calls.get(threading.get_ident())
        return call is not None and call.elapsed > self.limits.statement

    def calls(self) -> list[Call]:
        """What runs now."""
        return list(self._calls.values())

    @property
    def closed_because(self) -> str:
        """Why this worker must not serve now; empty when it may."""
        if self._leaving_at is not None and time.monotonic() > self._leaving_at:
            return "This worker is being replaced."
        if self._threads and time.monotonic() - self._last_beat > self.limits.beat:
            return "This worker has lost the database."
        return ""

    @property
    def running_threads(self) -> bool:
        """Whether this worker is watched, and so writes its failures by itself."""
        return bool(self._threads)

    # -- threads ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to beat and to look at the clock."""
        if self._threads:
            return
        self.identity = (self.identity[0], os.getpid())
        self._box.open(self.limits.frozen)
        statements.limit(self.host.engine, self.limits.statement, self.too_long)
        self._beat_once()
        for work, name in ((self._beat, "crm-beat"), (self._look, "crm-watchdog")):
            thread = threading.Thread(target=work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop both and take the worker's row away."""
        if not self._threads:
            return
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=2)
        self._threads.clear()
        self._box.close()
        atexit.unregister(self.stop)
        self._sign_off()

    def _sign_off(self) -> None:
        w = store.workers.c
        try:
            with store.writing(self.host.engine) as connection:
                here = (w.host == self.identity[0]) & (w.pid == self.identity[1])
                connection.execute(delete(store.workers).where(here))
        except SQLAlchemyError as error:
            log.warning("the worker could not sign off: %s", error)

    def _beat(self) -> None:
        while not self._stop.wait(self.limits.beat_every):
            self._beat_once()

    def _beat_once(self) -> None:
        try:
            beat(self.host, self.identity, self.limits)
            for fault in self._box.recover(self.limits.breaker):
                self.host.faults.note(fault)
            self.host.faults.flush()
            self.host.states.write_back()
            self._last_beat = time.monotonic()
        except OperationalError as error:
            log.warning("the worker could not beat: %s", error)
            if is_locked(error):
                # Somebody writes at length. We can read; and on one machine others see that we are alive.
                self._last_beat = time.monotonic()
        except Exception as error:  # whatever it is, the thread must live to beat again
            log.error("the worker could not beat: %s", error)

    def _look(self) -> None:
        while not self._stop.wait(self.limits.tick):
            self._box.tick()
            overdue = [c for c in self.calls() if c.elapsed > self.limits.hard and not c.overdue]
            for call in overdue:
                call.overdue = True
                self._report(call)
            if overdue and self._leaving_at is None:
                self._leaving_at = time.monotonic() + self.limits.grace
                self.recycle(self)

    def _report(self, call: Call) -> None:
        """Name the culprit. The database may be what it waits for, so this waits a second at most."""
        kind = call.kind()
        reason = f"it {kind} for more than {self.limits.hard:g} seconds; the worker is replaced"
        until = now() + timedelta(seconds=self.limits.breaker)
        fault = Fault(call.plugin, call.hook, kind, reason, "", now(), until)
        spooled = self._box.spool(fault)
        self.host.faults.note(fault, lambda: self._box.unspool(spooled))
        writer = threading.Thread(target=self.host.faults.flush, name="crm-fault", daemon=True)
        writer.start()
        writer.join(timeout=1.0)

    def wait_for_others(self) -> None:
        """Return when only the hanging requests are left, at the end of the grace time at the latest."""
        while self._leaving_at is not None and time.monotonic() < self._leaving_at:
            hanging = sum(call.overdue for call in self.calls())
            if len(self.host.in_flight) <= hanging:
                time.sleep(self.limits.tick)  # the last answers are on their way out
                return
            time.sleep(0.05)


def start(app: Flask) -> Watch:
    """Watch this worker process. For gunicorn's ``post_worker_init``; needs an app whose host has started."""
    host: Host = app.extensions["crm.host"]
    if os.getpid() != host.pid:
        host.engine.dispose(close=False)  # connections of the parent process are not ours
    host.watch.start()
    return host.watch


def recycle(watch: Watch) -> None:
    """Make way: take no more requests, let the others finish, end. The server starts another worker.

    A thread cannot be killed; only the process can. SIGTERM makes gunicorn's worker stop accepting.
    """
    log.error("worker %d makes way for another", os.getpid())
    os.kill(os.getpid(), signal.SIGTERM)
    watch.wait_for_others()
    os._exit(1)


def beat(host: Host, identity: tuple[str, int], limits: Limits) -> None:
    """Tell the others that this process is alive and which epoch it may still be serving.

    The epoch is read before the requests are looked at: one that begins in between serves this epoch or a later one.
    """
    snapshot = host.snapshots.read()
    oldest = host.in_flight.oldest(snapshot.epoch)
    if snapshot.epoch == 0:
        return  # before ``crm migrate``: there is nobody to tell and nothing to tell it in
    w = store.workers.c
    with store.writing(host.engine) as connection:
        moment = store.clock(connection)
        here = (w.host == identity[0]) & (w.pid == identity[1])
        done = connection.execute(update(store.workers).where(here).values(epoch=oldest, beat_at=moment))
        if done.rowcount == 0:
            row = {"host": identity[0], "pid": identity[1], "epoch": oldest, "started_at": moment, "beat_at": moment}
            connection.execute(insert(store.workers), row)
        for silent in connection.execute(select(store.workers).where(w.beat_at < moment - limits.stale)).all():
            if not _lives(silent, moment):
                connection.execute(delete(store.workers).where(w.host == silent.host, w.pid == silent.pid))


def _lives(row: Row[Any], moment: datetime) -> bool:
    """Whether a worker of this machine that has not beaten in time is there all the same, waiting to write."""
    if row.host != socket.gethostname()[:200] or row.beat_at < moment - LONGEST_SILENCE:
        return False
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_locked(error: OperationalError) -> bool:
    """Whether SQLite had no time for a write; its reads go on."""
    return "database is locked" in str(error.orig)


def wait_drained(engine: Engine, epoch: int, timeout: float = 30.0, limits: Limits | None = None) -> bool:
    """Wait until no living worker serves anything older than ``epoch``; False when ``timeout`` was too short."""
    stale = (limits or Limits()).stale
    until = time.monotonic() + timeout
    w = store.workers.c
    while True:
        with store.reading(engine) as connection:
            moment = store.clock(connection)
            behind = connection.execute(select(store.workers).where(w.epoch < epoch)).all()
        if not any(row.beat_at >= moment - stale or _lives(row, moment) for row in behind):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(min(0.1, max(0.0, until - time.monotonic())))
