"""The web server: gunicorn with threads, and the scheduler beside it unless told otherwise.

SIGHUP to the master is the rolling restart: new workers with new code start first, old ones finish what they have. That
holds because the master imports neither app nor plugins: ``crm serve`` becomes ``python -m core.serve``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from core.config import Config, load

GRACE_SECONDS = 10


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn, configured by :class:`core.config.Config` instead of its own files and arguments."""

    def __init__(self, config: Config) -> None:
        self.crm = config
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
            "post_worker_init": _started,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The app, made anew in each worker."""
        from core.app import create_app

        return create_app()


def _started(worker: Any) -> None:
    from core.host import watch

    watch.start(worker.wsgi)


def serve(config: Config, with_scheduler: bool = True) -> None:
    """Serve in the foreground until stopped. With ``with_scheduler`` a ``crm scheduler`` runs beside it."""
    beside = None
    if with_scheduler:
        # Watches its parent: it must not outlive a master that was killed.
        environment = {**os.environ, "CRM_PARENT_PID": str(os.getpid())}
        beside = subprocess.Popen([sys.executable, "-m", "core.cli", "scheduler"], env=environment)
    try:
        Server(config).run()
    finally:
        if beside is not None and beside.poll() is None:
            beside.terminate()
            beside.wait(timeout=GRACE_SECONDS)


if __name__ == "__main__":
    os.umask(0o077)
    serve(load(), with_scheduler="--no-scheduler" not in sys.argv[1:])
