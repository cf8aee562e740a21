"""A small app with nothing but the host, on a SQLite file of the test's own, and plugin folders to break and mend."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel

import core.monitoring.models  # noqa: F401  # switches are audited
from core.config import Config
from core.db import session as db_session
from core.extensions import db
from core.host import Host, Limits
from core.host.gate import GatedFlask
from core.host.modules import forget

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "plugins" / "host"

StartHost = Callable[..., Host]


def until(what: Callable[[], object], seconds: float = 60.0) -> bool:
    """Whether ``what`` comes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture(autouse=True)
def nobody_elses_plugins() -> None:
    """What another test of this process loaded from a folder of its own must not stand in for ours."""
    import plugins

    tree = Path(plugins.__file__).resolve().parent
    plugins.__path__[:] = [folder for folder in plugins.__path__ if Path(folder).resolve() == tree]
    for module in [m for m in sys.modules if m.startswith("plugins.") and m.count(".") == 1]:
        file = sys.modules[module].__file__ or ""
        if not Path(file).resolve().is_relative_to(tree):
            forget(module.partition(".")[2], module)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder for CRM_PLUGIN_PATH with the two healthy plugins, ``visits`` and ``notes``."""
    folder = tmp_path / "shelf"
    shutil.copytree(FIXTURES / "good", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def put(kind: str, shelf: Path) -> None:
    """Add the plugins of one fixture to the shelf."""
    shutil.copytree(FIXTURES / kind, shelf, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


@pytest.fixture
def start(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartHost]:
    """``start()`` is a restart of the server: a new app on the same database, plugins loaded from the shelf.

    Plugins of the tree are left out: these tests are about the shelf's.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr("core.host.discovery.ROOT", tmp_path / "empty")
    monkeypatch.setattr("core.host.discovery.entry_points", lambda **_: [])
    started: list[Host] = []

    def restart(*, tables: bool = True, limits: Limits | None = None, **settings: object) -> Host:
        if started:
            stop(started[-1])
        app = make_app(tmp_path, shelf, **settings)
        host = Host.start(app, limits)
        started.append(host)
        if tables:
            with app.app_context():
                db.metadata.create_all(db.engine)
            host.refresh()
        return host

    yield restart
    if started:
        stop(started[-1])
    import plugins

    plugins.__path__[:] = [folder for folder in plugins.__path__ if str(tmp_path) not in folder]


def make_app(folder: Path, shelf: Path, **settings: object) -> Flask:
    """An app as ``create_app`` makes it, without the areas above the database."""
    values = {"instance": folder, "secret_key": "x" * 32, "database_url": f"sqlite:///{folder / 'host.db'}"}
    config = Config(**{**values, "plugin_path": (shelf,), "testing": True, **settings})  # type: ignore[arg-type]
    app = GatedFlask("core", static_folder=None)
    app.config.update(CRM=config, SECRET_KEY="x" * 32, SQLALCHEMY_DATABASE_URI=config.database_url, TESTING=True)
    Babel(app)
    db.init_app(app)
    db_session.init_app(app)
    app.add_url_rule("/", "home", lambda: "home")
    return app


def stop(host: Host) -> None:
    """End the process, as far as one process can play several."""
    host.unload()
    with host.app.app_context():
        db.session.remove()
        db.engine.dispose()


def enable(host: Host, *names: str) -> None:
    """Switch plugins on, in this order."""
    for name in names:
        host.enable(name, "sysadmin", "a test")


def state(host: Host, name: str) -> tuple[str, str]:
    """State and reason of one plugin, as ``host.plugins()`` tells them."""
    with host.app.app_context():
        found = next(p for p in host.plugins() if p.name == name)
    return found.state, found.reason
