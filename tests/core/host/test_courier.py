"""Events are delivered by a process of its own, which a hook that does not come back ends, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from core.contract.protocols import runtime
from core.db.session import system_session
from core.host import Host, courier, store

from .conftest import FIXTURES, StartHost, enable, stop, until

STUCK = """
import threading
from core.sdk.hooks import hookimpl


@hookimpl
def crm_event(event):
    threading.Event().wait()
"""
SERVE = "from core.host import courier; from serving import app; courier.serve(app)"


def start_courier(folder: Path, parent: int | None = None) -> subprocess.Popen[bytes]:
    path = os.pathsep.join((str(FIXTURES), str(Path(__file__).resolve().parents[3])))
    own = {"PYTHONPATH": path, "TEST_INSTANCE": str(folder), "CRM_PARENT_PID": str(parent or os.getpid())}
    with (folder / "courier.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", SERVE], env={**os.environ, **own}, cwd=folder, stdout=log, stderr=log
        )


def positions(host: Host) -> dict[str, int]:
    """How far each plugin has been told."""
    with store.reading(host.engine) as connection:
        return {row.plugin: row.position for row in connection.execute(select(store.cursors))}


@pytest.fixture
def host(start: StartHost, shelf: Path) -> Host:
    """One event waits for ``visits`` and, before it, for ``stuck``."""
    folder = shelf / "stuck"
    folder.mkdir()
    toml = 'name = "stuck"\ntitle = "Stuck"\nversion = "0.1.0"\napi = ">=1.0,<2"\n'
    (folder / "plugin.toml").write_text(toml, "utf-8")
    (folder / "plugin.py").write_text(STUCK, "utf-8")
    (folder / "__init__.py").touch()
    host = start()
    enable(host, "visits", "stuck")
    with host.app.app_context():
        host.dispatch.deliver()
        with system_session("test") as session:
            runtime().dispatch.publish(session, "visits.made", {"id": 1})
            session.commit()
    return host


def test_a_hook_that_hangs_is_named_and_the_next_courier_delivers_to_the_others(
    host: Host, start: StartHost, tmp_path: Path
) -> None:
    stop(host)
    first = start_courier(tmp_path)
    assert first.wait(40) == 1, (tmp_path / "courier.log").read_text()
    host = start()
    with host.app.app_context():
        fault = next(p for p in host.plugins() if p.name == "stuck").faults[0]
    assert (fault.hook, fault.kind) == ("crm_event", "waits")
    assert host.snapshot().is_closed("stuck", "crm_event")
    assert positions(host)["visits"] == 0
    second = start_courier(tmp_path)
    try:
        assert until(lambda: positions(host)["visits"] == 1), (tmp_path / "courier.log").read_text()
        assert positions(host)["stuck"] == 0, "it is told later"
    finally:
        second.send_signal(signal.SIGTERM)
    assert second.wait(15) == 0


def test_it_ends_when_the_scheduler_that_started_it_is_gone(start: StartHost, tmp_path: Path) -> None:
    stop(start())
    assert start_courier(tmp_path, parent=1).wait(40) == 0


def test_a_database_that_is_away_does_not_end_it(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise RuntimeError("no connection")

    monkeypatch.setattr(host.dispatch, "deliver", away)
    courier.deliver(host)
    assert "events could not be delivered" in caplog.text
