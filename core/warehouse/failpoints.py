"""Places where a test kills the process, to prove that nothing half done is ever seen."""

from __future__ import annotations

import os
import signal

from flask import current_app

NAMES = ("load_begun", "rows_read", "staged", "renamed", "partitions_written", "applied", "committed")


def reach(name: str) -> None:
    """Die here by SIGKILL when ``CRM_FAILPOINT`` names this place. Heeded only in training mode and in tests."""
    if os.environ.get("CRM_FAILPOINT") != name:
        return
    config = current_app.config["CRM"]
    if config.training or config.testing:
        os.kill(os.getpid(), signal.SIGKILL)
