"""Delivers events in a process of its own: a hook that does not come back costs this process and no running job."""

from __future__ import annotations

import logging
import os
import signal
import threading
from typing import TYPE_CHECKING

from flask import Flask

from core.host import watch
from core.scheduler.leader import orphaned

if TYPE_CHECKING:
    from core.host import Host

log = logging.getLogger(__name__)

PAUSE_SECONDS = 1.0


def serve(app: Flask) -> None:
    """Deliver what waits once a second until SIGTERM, or until the scheduler that started it is gone.

    Ends the process when a hook runs over its limit: the watch has named it and closed it by then, so the courier that
    follows delivers to the others.
    """
    host: Host = app.extensions["crm.host"]
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    host.watch.recycle = _end
    watch.start(app)
    try:
        while not stopping.wait(PAUSE_SECONDS) and not orphaned():
            deliver(host)
    finally:
        host.watch.stop()


def deliver(host: Host) -> None:
    """One delivery. Every exception ends here: a database that is away must not end the courier."""
    try:
        with host.app.app_context():
            host.dispatch.deliver()
    except Exception:
        log.exception("events could not be delivered")


def _end(watched: watch.Watch) -> None:
    """A thread cannot be killed; nobody waits for an answer of this process."""
    log.error("courier %d makes way for another", os.getpid())
    os._exit(1)
