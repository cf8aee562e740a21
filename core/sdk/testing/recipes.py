"""What stands in a template database, and the app on a database."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event

if TYPE_CHECKING:
    from flask import Flask

    from core.host import Host, PluginStatus


def engine_of(url: str) -> Engine:
    """An engine of the tests' own, with foreign keys on as the application has them."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda link, _: link.execute("PRAGMA foreign_keys=ON"))
    return engine


@contextmanager
def app_on(url: str, **settings: Any) -> Iterator[Flask]:
    """The application on the database at ``url``; its connections are closed at the end."""
    from core.app import create_app
    from core.extensions import db

    app = create_app({"database_url": url, "testing": True, **settings})
    # Requests of a test client come from the test itself; nobody can have forged them.
    app.config["WTF_CSRF_ENABLED"] = False
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def recipe(
    name: str, folder: Path, plugins: tuple[str, ...], training: bool
) -> tuple[str, Callable[[str], None] | None]:
    """Key of the template and what fills it: ``empty`` nothing, ``core`` the core's tables, ``ready`` everything.

    ``folder`` is that of the test run; the template's instance, with its keys, is kept in it.
    """
    if name == "empty":
        return name, None
    if name == "core":
        return name, core
    if name == "ready":
        sort = repr((plugins, training, os.environ.get("CRM_PLUGIN_PATH")))
        key = f"ready_{hashlib.sha256(sort.encode()).hexdigest()[:8]}"
        return key, lambda url: ready(url, folder / key, plugins, training)
    raise ValueError(f"no database recipe {name!r}; known are empty, core, ready")


def core(url: str) -> None:
    """The core's tables."""
    from core.host import migrations

    engine = engine_of(url)
    migrations.upgrade(engine, "core")
    engine.dispose()


def ready(url: str, instance: Path, plugins: tuple[str, ...], training: bool) -> None:
    """The core's tables, those of the plugins, and the rows both need; the plugins enabled."""
    core(url)
    with app_on(url, instance=instance, training=training) as app, app.app_context():
        host: Host = app.extensions["crm.host"]
        wanted = chosen(host.plugins(), plugins, training)
        for status in host.plugins():
            if status.name in wanted and status.state == "broken":
                raise RuntimeError(f"plugin {status.name} is broken: {status.reason}\n{status.trace}")
            if status.name in wanted:
                _enable(host, status.name)
            elif status.state == "enabled" and not status.protected and plugins:
                _disable(host, status.name, wanted)


def chosen(statuses: list[PluginStatus], plugins: tuple[str, ...], training: bool) -> set[str]:
    """Names of the plugins to enable: those asked for with all they require, or the product's own."""
    known = {status.name: status for status in statuses}
    waiting = list(plugins) or [s.name for s in statuses if s.origin == "tree" and (training or not s.training)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in known:
            raise LookupError(f"crm_plugins names {name!r}, which is not installed; there are {', '.join(known)}")
        if name not in found:
            found.add(name)
            waiting.extend(known[name].requires)
    return found


def _enable(host: Host, name: str) -> None:
    from core.host import migrations

    now = next(status for status in host.plugins() if status.name == name)
    if now.state == "enabled":
        return
    if now.pending_migrations:
        migrations.upgrade(host.engine, name)
        host.snapshots.refresh()
    now = next(status for status in host.plugins() if status.name == name)
    if now.state != "enabled":
        host.enable(name, "tests", "the tests need it")


def _disable(host: Host, name: str, keep: set[str]) -> None:
    from core.host import SwitchRefused

    for other in next(status for status in host.plugins() if status.name == name).dependants:
        if other not in keep:
            _disable(host, other, keep)
    try:
        host.disable(name, "tests", "the tests leave it out")
    except SwitchRefused as refused:
        raise RuntimeError(f"{name} cannot be left out: {refused}") from refused
