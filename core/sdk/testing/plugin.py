"""The pytest plugin: options, hooks and fixtures. Everything heavy is imported when a test first asks for it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.sdk.testing import postgres, skips
from core.sdk.testing.databases import TestRun, create

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from playwright.sync_api import Browser, Page
    from sqlalchemy.orm import Session

__all__ = [
    "browser",
    "crm_app",
    "database_kind",
    "database_url",
    "live_server",
    "login_as",
    "migrate_plugin",
    "page",
    "pytest_addoption",
    "pytest_configure",
    "pytest_unconfigure",
    "unsafe_session",
    "with_plugin_disabled",
]

RUN = pytest.StashKey[tuple[TestRun, bool]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ini options: which plugins the tests need (all they require comes with them), and where plugins lie."""
    parser.addini("crm_plugins", "plugins enabled in crm_app; empty: all of the product", type="args", default=[])
    parser.addini("crm_plugin_path", "folders of plugins, as CRM_PLUGIN_PATH", type="paths", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Join the test run of the process that started this one, or begin one."""
    config.addinivalue_line("markers", "database(recipe): 'empty': no tables; 'core': the core's only; 'ready': all")
    config.addinivalue_line("markers", "training: crm_app in training mode, with the plugins that need it")
    folders: list[Path] = config.getini("crm_plugin_path")
    if folders:
        _lie_in(folders)
    config.stash[RUN] = TestRun.join()


def _lie_in(folders: list[Path]) -> None:
    """Let the host find plugins there, and let tests import them before any app has."""
    import plugins

    os.environ["CRM_PLUGIN_PATH"] = os.pathsep.join(map(str, folders))
    plugins.__path__.extend(str(folder) for folder in folders if str(folder) not in plugins.__path__)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run where it was begun, and say what was left out."""
    line = skips.summary(config)
    if line:
        config.get_terminal_writer().line(line, yellow=True)
    run, begun = config.stash[RUN]
    if begun:
        run.leave()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """``sqlite``, then ``postgresql``: a test that takes it, or a fixture on top of it, runs on both."""
    kind: str = request.param
    if kind == "postgresql":
        skips.need("postgresql", found=postgres.binaries() is not None, install=postgres.INSTALL)
    return kind


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[str]:
    """URL of a database of this test's own, on SQLite and on PostgreSQL, migrated; dropped after the test.

    Holds the core's tables; with ``crm_app`` also those of the enabled plugins and the seeded rows; what the mark
    ``@pytest.mark.database("empty")`` says instead.
    """
    from core.sdk.testing import recipes

    run = request.config.stash[RUN][0]
    mark = request.node.get_closest_marker("database")
    recipe = mark.args[0] if mark else "ready" if "crm_app" in request.fixturenames else "core"
    plugins: list[str] = request.config.getini("crm_plugins")
    training = request.node.get_closest_marker("training") is not None
    name, prepare = recipes.recipe(recipe, run.folder, tuple(plugins), training)
    url, drop = create(run, database_kind, name, prepare, tmp_path)
    instance = run.folder / name
    if instance.is_dir():  # what the seeds encrypted needs the keys it was encrypted with
        shutil.copytree(instance, tmp_path / "instance", dirs_exist_ok=True)
    yield url
    drop()


@pytest.fixture
def unsafe_session(database_url: str) -> Iterator[Session]:
    """A plain session past row scope and audit, for the test's own rows and looks. Commit yourself."""
    from sqlalchemy.orm import Session

    from core.sdk.testing.recipes import engine_of

    engine = engine_of(database_url)
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def crm_app(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on a database of this test's own, plugins enabled, roles seeded; forms need no token."""
    from core.sdk.testing.recipes import app_on

    training = request.node.get_closest_marker("training") is not None
    with app_on(database_url, instance=tmp_path / "instance", training=training) as app:
        yield app


@pytest.fixture
def login_as(crm_app: Flask) -> Callable[..., FlaskClient]:
    """``login_as(username, *actions, scope="bank", org_id=None)``: a client of the signed-in user.

    A user who is not there yet is made; ``actions`` are granted on top of what roles give. Without any action somebody
    new may open only what is open to everyone signed in.
    """
    from core.sdk.testing.people import client_with, token_of

    def sign_in(username: str, *actions: str, scope: str = "bank", org_id: int | None = None) -> FlaskClient:
        return client_with(crm_app, token_of(crm_app, username, actions, scope, org_id))

    return sign_in


@pytest.fixture
def with_plugin_disabled(crm_app: Flask) -> Callable[[str], AbstractContextManager[None]]:
    """``with with_plugin_disabled("loans"):`` runs with that plugin, and those that require it, switched off."""

    @contextmanager
    def disabled(name: str) -> Iterator[None]:
        host = crm_app.extensions["crm.host"]
        off: list[str] = []

        def switch_off(plugin: str) -> None:
            status = next(status for status in host.plugins() if status.name == plugin)
            for other in status.dependants:
                switch_off(other)
            if status.state == "enabled":
                host.disable(plugin, "tests", "a test is made without it")
                off.append(plugin)

        switch_off(name)
        try:
            yield
        finally:
            for plugin in reversed(off):
                host.enable(plugin, "tests", "the test is over")

    return disabled


@pytest.fixture
def migrate_plugin(database_url: str) -> Callable[[str], tuple[str, ...]]:
    """``migrate_plugin("loans")`` brings one plugin's schema up on the test's database; the revisions applied."""

    def migrate(name: str) -> tuple[str, ...]:
        from core.host import migrations
        from core.sdk.testing.recipes import engine_of

        engine = engine_of(database_url)
        try:
            return migrations.upgrade(engine, name)
        finally:
            engine.dispose()

    return migrate


@pytest.fixture
def live_server(crm_app: Flask) -> Iterator[str]:
    """Address of the application behind a real server on loopback, forms with their token as for people."""
    from core.sdk.testing.chromium import served

    with served(crm_app) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    from core.sdk.testing import chromium

    skips.need("chromium", found=chromium.found() is not None, install=chromium.INSTALL)
    with chromium.running() as started:
        yield started


@pytest.fixture
def page(browser: Browser, live_server: str) -> Iterator[Page]:
    """A tab of the browser at ``live_server``; ``page.goto("/")`` works."""
    from core.sdk.testing.chromium import tab

    with tab(browser, live_server) as opened:
        yield opened
