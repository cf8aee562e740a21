"""A call into a plugin, as the watch sees it from another thread."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import has_request_context, request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(slots=True)
class Call:
    """Code of a plugin that is running now; ``environ`` is that of the request it runs for, if any."""

    plugin: str
    hook: str
    thread: int
    started: float
    cpu_clock: int
    cpu_started: float
    environ: WSGIEnvironment | None = None
    overdue: bool = False

    @classmethod
    def begin(cls, plugin: str, hook: str) -> Call:
        """This thread begins to run it."""
        me = threading.get_ident()
        environ = request.environ if has_request_context() else None
        clocks = time.monotonic(), time.pthread_getcpuclockid(me), time.thread_time()
        return cls(plugin, hook, me, *clocks, environ)

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
        return "spins" if used > 0.1 * self.elapsed else "waits"
