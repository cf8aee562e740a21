"""``PluginContract``: inherit it, name your plugin, and the suite every plugin is held to runs against yours. ::

class TestContract(PluginContract):
    plugin = "loans"
"""

# ruff: noqa: S101  # a test suite asserts

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest

from core.sdk.testing import pages, recipes, registered
from core.sdk.testing.apart import apart

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

    from core.config import Config
    from core.host import Host

ONCE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
"""For tests whose outcome cannot depend on the kind of database."""

Login = Callable[..., "FlaskClient"]


class PluginContract:
    """The suite. ``plugin`` is the plugin's name; it must be enabled by the ini option ``crm_plugins``."""

    plugin: str = ""

    def test_static_rules(self) -> None:
        """``crm plugin check`` finds nothing."""
        from core.host import checks

        findings = checks.run(self.plugin)
        assert not findings, "\n".join(map(str, findings))

    @ONCE
    def test_is_enabled(self, crm_app: Flask) -> None:
        """Loads, migrates and can be switched on."""
        status = {status.name: status for status in _host(crm_app).plugins()}[self.plugin]
        assert status.state == "enabled", f"{status.state}: {status.reason}\n{status.trace}"

    @ONCE
    def test_names_begin_with_its_own(self, crm_app: Flask) -> None:
        """Also those made when it runs, which the static rules cannot see."""
        wrong = [
            f"{hook}: {name}"
            for hook, name in registered.names(crm_app, self.plugin)
            if name != self.plugin and not name.startswith((f"{self.plugin}.", f"{self.plugin}_"))
        ]
        assert not wrong, wrong

    @ONCE
    def test_each_route_has_its_action(self, crm_app: Flask) -> None:
        """Named by a decorator and declared, or public or signed-in with a reason."""
        declared = {action.name for _, action in registered.every(crm_app, "crm_permissions")}
        for endpoint, access in pages.access_of(crm_app, self.plugin).items():
            assert access, f"{endpoint} names no action and no reason"
            kind, value = access
            assert value.strip(), f"{endpoint}: {kind} without a reason"
            assert kind != "requires" or value in declared, f"{endpoint} needs {value!r}, which nobody declares"

    @ONCE
    def test_actions_have_labels(self, crm_app: Flask) -> None:
        """A person who grants them must know what they mean."""
        for action in registered.of(crm_app, self.plugin, "crm_permissions"):
            assert action.label.strip(), action.name
            assert action.label != action.name, action.name

    @ONCE
    def test_menu_endpoints_exist(self, crm_app: Flask) -> None:
        """Every menu line leads to a page of this plugin."""
        for item in registered.of(crm_app, self.plugin, "crm_menus"):
            assert item.endpoint in crm_app.view_functions, f"{item.id}: {item.endpoint}"
            assert pages.owner(crm_app, item.endpoint) == self.plugin, f"{item.id}: {item.endpoint}"

    @ONCE
    def test_anonymous_gets_no_page(self, crm_app: Flask) -> None:
        """Whoever has not signed in is sent away, from every route that does not say it is public."""
        access = pages.access_of(crm_app, self.plugin)
        for method, url, endpoint in pages.urls(crm_app, self.plugin):
            if (access[endpoint] or ("",))[0] == "public":
                continue
            answer = crm_app.test_client().open(url, method=method)
            # 400: a form without its token is refused before anybody asks who sent it
            assert answer.status_code in {302, 303, 400, 401, 403}, f"{method} {url}: {answer.status_code}"

    @ONCE
    def test_who_holds_no_action_gets_no_page(self, crm_app: Flask, login_as: Login) -> None:
        """Signed in is not enough where an action is named."""
        client = login_as("nobody")
        access = pages.access_of(crm_app, self.plugin)
        for method, url, endpoint in pages.urls(crm_app, self.plugin):
            if (access[endpoint] or ("",))[0] == "requires":
                answer = client.open(url, method=method)
                assert answer.status_code == 403, f"{method} {url}: {answer.status_code}"

    @ONCE
    def test_jobs_end(self, crm_app: Flask) -> None:
        """Each has a time limit of at most a day."""
        for job in registered.of(crm_app, self.plugin, "crm_jobs"):
            assert type(job.time_limit) is int, job.name
            assert 1 <= job.time_limit <= 86_400, job.name

    @ONCE
    def test_labels_are_there_in_chinese(self, crm_app: Flask) -> None:
        """Also those made when it runs."""
        from core.i18n import catalogue

        words = catalogue(self.plugin, "zh_CN")
        unknown = object()
        missing = [
            text
            for text in registered.labels(crm_app, self.plugin)
            if getattr(words, "_catalog", {}).get(text, unknown) in (unknown, "")
            and words.gettext(text) == text
            and text.isascii()
        ]
        assert not missing, f"no Chinese for {missing}"

    @ONCE
    def test_registers_without_a_database(self, crm_app: Flask) -> None:
        """Registration hooks are pure: no statement reaches a database while they run."""
        from sqlalchemy import Engine, event

        seen: list[str] = []

        def note(*arguments: Any) -> None:
            seen.append(str(arguments[2]))

        event.listen(Engine, "before_cursor_execute", note)
        try:
            for hook, function in registered.implementations(crm_app, self.plugin):
                if hook in registered.REGISTRATION:
                    function()
                    assert not seen, f"{hook}: {seen}"
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    def test_foreign_keys_stay_within_requires(self, crm_app: Flask) -> None:
        """By the tables' owners, not by their names."""
        from core.db.base import CORE, tables_of

        allowed = {CORE, self.plugin, *_status(crm_app, self.plugin).requires}
        for table in tables_of(self.plugin):
            for key in table.foreign_keys:
                owner = key.column.table.info.get("plugin", CORE)
                assert owner in allowed, f"{table.name} refers to {key.target_fullname} of {owner}"

    @pytest.mark.database("core")
    def test_migrations_go_up_down_up(self, request: pytest.FixtureRequest, database_url: str) -> None:
        """Down leaves nothing; up again agrees with the models."""
        ini: list[str] = request.config.getini("crm_plugins")
        left, drift = apart(functools.partial(_up_down_up, database_url, self.plugin, tuple(ini)))
        assert not left, f"downgrade leaves {left}"
        assert not drift, "\n".join(drift)

    @ONCE
    def test_off_means_gone(
        self, crm_app: Flask, login_as: Login, with_plugin_disabled: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        """Switched off, its addresses answer 404 and the shell still stands; a protected one refuses."""
        from core.host import SwitchRefused

        client = login_as("somebody", *registered.actions(crm_app))
        if _status(crm_app, self.plugin).protected:
            with pytest.raises(SwitchRefused):
                _host(crm_app).disable(self.plugin, "tests", "it must refuse")
            return
        with with_plugin_disabled(self.plugin):
            for method, url, endpoint in pages.urls(crm_app, self.plugin):
                assert client.open(url, method=method).status_code == 404, f"{method} {url} ({endpoint})"
            assert client.get("/").status_code == 200
        assert client.get("/").status_code == 200

    @ONCE
    def test_a_hook_that_raises_costs_no_page(self, crm_app: Flask, login_as: Login) -> None:
        """Each implementation is made to raise in turn; the shell's page answers as before."""
        client = login_as("somebody", *registered.actions(crm_app))
        module = registered.module_of(crm_app, self.plugin)
        for hook, _ in registered.implementations(crm_app, self.plugin):
            work = functools.partial(_with_raising, crm_app.config["CRM"], f"{module}.plugin", hook, client)
            assert apart(work) == 200, hook


def _host(app: Flask) -> Host:
    host: Host = app.extensions["crm.host"]
    return host


def _status(app: Flask, name: str) -> Any:
    return {status.name: status for status in _host(app).plugins()}[name]


def _up_down_up(url: str, name: str, plugins: tuple[str, ...]) -> tuple[list[str], list[str]]:
    from sqlalchemy import inspect

    from core.db.base import tables_of
    from core.host import migrations

    with recipes.app_on(url) as app:
        engine = recipes.engine_of(url)
        for other in _before(_host(app), name):
            migrations.upgrade(engine, other)
        ours = {table.name for table in tables_of(name)}
        migrations.upgrade(engine, name)
        migrations.downgrade(engine, name)
        left = sorted(ours & set(inspect(engine).get_table_names()))
        migrations.upgrade(engine, name)
        drift = list(migrations.drift(engine, name))
        engine.dispose()
    return left, drift


def _before(host: Host, name: str) -> Iterator[str]:
    """What ``name`` requires, in the order of loading."""
    statuses = {status.name: status for status in host.plugins()}
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        for other in statuses[waiting.pop()].requires:
            needed.add(other)
            waiting.append(other)
    return (other for other in statuses if other in needed)


def _with_raising(settings: Config, module: str, hook: str, visitor: FlaskClient) -> int:
    """Status of the start page when one hook of the plugin raises from the start on."""
    plugin = importlib.import_module(module)
    real = getattr(plugin, hook)

    @functools.wraps(real)
    def raising(*_: Any, **__: Any) -> Any:
        raise RuntimeError(f"{hook} raises, for the test")

    setattr(plugin, hook, raising)
    kept = {name: getattr(settings, name) for name in ("instance", "plugin_path", "training")}
    with recipes.app_on(settings.database_url, **kept) as app:
        visitor.application = app
        visitor.get("/search?q=a")
        return visitor.get("/").status_code
