"""Settings of all tests. The fixtures stand in ``core.sdk.testing``, where plugin authors have them too."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

from hypothesis import HealthCheck, settings

# Installed, the kit is loaded by its entry point; in a bare checkout nobody has done that, nor set the path.
if entry_points(group="pytest11", name="jinqiao"):
    pytest_plugins = []
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    pytest_plugins = ["core.sdk.testing"]

# Machines that run the tests are busy: a slow example is not a failing one.
settings.register_profile("crm", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
settings.load_profile("crm")
