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
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Flask
from sqlalchemy.exc import OperationalError

from core.db.types import now
from core.host import farewell, heartbeat, statements
from core.host.blackbox import BlackBox
from core.host.call import Call
from core.host.faults import Fault
from core.host.limits import Limits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from core.host import Host

log = logging.getLogger(__name__)

TICKET = "crm.ticket"
"""Where a request's environment keeps its number among those in flight."""


class Watch:
    """What a worker knows about itself. Without :meth:`start` it only keeps count: commands need no threads."""

    def __init__(self, host: Host, limits: Limits | None = None) -> None:
        self.host = host
        self.limits = limits or Limits()
        self.recycle: Callable[[Watch], None] = recycle
        self._calls: dict[int, Call] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._answers: list[threading.Thread] = []
        self._given_up: set[tuple[str, str]] = set()
        self._last_beat = time.monotonic()
        self._leaving_at: float | None = None
        self._box = BlackBox(host.app.config["CRM"].instance / "faults")
        self.identity = (socket.gethostname()[:200], os.getpid())

    # -- calls --------------------------------------------------------------------------------------------------------

    @contextmanager
    def running(self, plugin: str, hook: str) -> Iterator[Call]:
        """While inside, this thread runs code of that plugin."""
        call = Call.begin(plugin, hook)
        outer = self._calls.get(call.thread)
        self._calls[call.thread] = call
        slot = self._box.enter(plugin, hook)
        try:
            yield call
        finally:
            self._box.leave(slot)
            if outer is None:
                self._calls.pop(call.thread, None)
            else:
                self._calls[call.thread] = outer

    def too_long(self) -> bool:
        """Whether this thread runs code of a plugin that should have come back."""
        call = self._calls.get(threading.get_ident())
        return call is not None and call.elapsed > self.limits.statement

    def calls(self) -> list[Call]:
        """What runs now."""
        return list(self._calls.values())

    def has_given_up(self, plugin: str, hook: str) -> bool:
        """Whether this worker is being replaced because of this hook, and so calls it no more."""
        return (plugin, hook) in self._given_up

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
        heartbeat.sign_off(self.host.engine, self.identity)

    def _beat(self) -> None:
        while not self._stop.wait(self.limits.beat_every):
            self._beat_once()

    def _beat_once(self) -> None:
        try:
            heartbeat.beat(self.host, self.identity, self.limits)
            for fault in self._box.recover(self.limits.breaker):
                self.host.faults.note(fault)
            self.host.faults.flush()
            self.host.states.write_back()
            self._last_beat = time.monotonic()
        except OperationalError as error:
            log.warning("the worker could not beat: %s", error)
            if heartbeat.is_locked(error):
                # Somebody writes at length. We can read; and on one machine others see that we are alive.
                self._last_beat = time.monotonic()
        except Exception as error:  # whatever it is, the thread must live to beat again
            log.error("the worker could not beat: %s", error)

    def _look(self) -> None:
        while not self._stop.wait(self.limits.tick):
            self._box.tick()
            if self._give_up(self._late()) and self._leaving_at is None:
                self._leaving_at = time.monotonic() + self.limits.grace
                self.recycle(self)

    def _late(self) -> list[Call]:
        """Calls over their limit, and all others of the same hooks: they would only go the same way later."""
        self._given_up |= {(c.plugin, c.hook) for c in self.calls() if c.elapsed > self.limits.hard}
        return [c for c in self.calls() if not c.overdue and (c.plugin, c.hook) in self._given_up]

    def _give_up(self, calls: list[Call]) -> bool:
        """Have the requests behind these calls answered, and name the culprits. Whether there was anything to do."""
        for call in calls:
            call.overdue = True
            if call.environ is not None:
                thread = threading.Thread(target=self._answer, args=(call.environ,), name="crm-farewell", daemon=True)
                self._answers.append(thread)
                thread.start()
        for call in {(call.plugin, call.hook): call for call in reversed(calls)}.values():
            self._report(call)
        return bool(calls)

    def _answer(self, environ: WSGIEnvironment) -> None:
        if farewell.answer(self.host.app, environ):
            self.host.in_flight.leave(environ[TICKET])

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
        """Return when every request has its answer or cannot get one, at the end of the grace time at the latest."""
        while self._leaving_at is not None and time.monotonic() < self._leaving_at:
            self._give_up(self._late())
            hanging = sum(call.overdue and not farewell.is_answered(call.environ) for call in self.calls())
            if len(self.host.in_flight) <= hanging and not any(thread.is_alive() for thread in self._answers):
                time.sleep(self.limits.tick)  # the last answers are on their way out
                return
            time.sleep(0.05)
        until = time.monotonic() + self.limits.grace / 2
        for thread in self._answers:
            thread.join(timeout=max(0.0, until - time.monotonic()))


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
