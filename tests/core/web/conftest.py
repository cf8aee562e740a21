"""A small app with the real shell and made-up plugins, users and host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import flask_login
import pytest
from flask import Blueprint, Flask, abort, redirect, request
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader

from core import permissions, web
from core.auth import tabs
from core.config import load
from core.contract import Action, MenuItem, Panel, PanelContent, SearchHit
from core.contract.protocols import PluginFailed, Runtime
from core.db.locking import Conflict
from core.web import render, toast

TEMPLATES = {
    "fake/page.html": '{% extends "ui/page.html" %}{% block title %}{{ title }}{% endblock %}'
    '{% block page %}<p>{{ _("Hello") }} {{ panel_slot("fake.slot", "k1") }}</p>{% endblock %}',
    "fake/panel.html": "<p>{{ text }}</p>",
}


class User(flask_login.UserMixin):
    id = 7
    username = "rm01"
    active = True
    employee = None


@dataclass
class Snapshot:
    epoch: int = 1
    enabled: frozenset[str] = frozenset({"fake", "slow"})


@dataclass
class Status:
    name: str
    title: str
    state: str = "enabled"
    reason: str = ""
    trace: str = ""
    version: str = "1.0"
    dependants: tuple[str, ...] = ()
    protected: bool = False
    changed_why: str = ""


@dataclass
class World:
    """What the made-up parts say; tests change it."""

    denied: set[str] = field(default_factory=set)
    barred: set[str] = field(default_factory=set)
    signed_in: bool = True
    things: dict[str, tuple[tuple[str, Any], ...]] = field(default_factory=dict)
    hits: dict[str, Callable[[], list[SearchHit]]] = field(default_factory=dict)
    loads: dict[str, Callable[[str], PanelContent | None]] = field(default_factory=dict)
    plugins: list[Status] = field(default_factory=list)
    disabled: list[tuple[str, str, str]] = field(default_factory=list)
    open: list[tabs.Tab] = field(default_factory=list)
    candidates: dict[str, Any] = field(default_factory=dict)
    broken_registry: bool = False

    def opens(self, title: str, url: str) -> None:
        self.open.append(tabs.Tab({"zh_CN": title}, url))

    def has_plugin(self, *values: Any, **more: Any) -> None:
        status = Status(*values, **more)
        self.plugins.append(status)
        self.candidates[status.name] = SimpleNamespace(manifest=status)

    # -- registry
    def of(self, hook: str, snapshot: Any = None) -> tuple[tuple[str, Any], ...]:
        if self.broken_registry:
            raise RuntimeError("every plugin is broken")
        return self.things.get(hook, ())

    def owner(self, hook: str, name: str) -> str | None:
        return None

    # -- dispatch
    def implementation(self, plugin: str, hook: str) -> str | None:
        return plugin if plugin in self.hits else None

    def invoke(self, implementation: str, values: Mapping[str, Any]) -> list[SearchHit]:
        return self.call(implementation, "crm_search", self.hits[implementation])

    def call(self, plugin: str, hook: str, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except Exception as error:
            raise PluginFailed(plugin, hook, str(error)) from error

    def refuse(self, plugin: str, hook: str, reason: str) -> None:
        raise PluginFailed(plugin, hook, reason)

    def page_failed(self, endpoint: str, error: BaseException) -> str:
        return ""

    # -- host
    def list_plugins(self) -> list[Status]:
        return self.plugins

    def disable(self, name: str, by: str, reason: str) -> None:
        if name == "needed":
            raise RuntimeError("still needed by 11010519491231002X")
        self.disabled.append((name, by, reason))


class FakeHost:
    def __init__(self, world: World) -> None:
        self.plugins = world.list_plugins
        self.candidates = world.candidates
        self.disable = world.disable


@pytest.fixture
def world() -> World:
    made = World()
    made.loads = {"fake.ok": lambda key: PanelContent({"text": f"content of {key}"}, "core system", date(2026, 11, 22))}
    made.things = {
        "crm_menus": (
            ("fake", MenuItem("fake", "Fakes", "fake.index", "users")),
            ("fake", MenuItem("fake.list", "Fake list", "fake.index", parent="fake")),
            ("fake", MenuItem("fake.secret", "Secret list", "fake.secret", parent="fake")),
            ("fake", MenuItem("fake.gone", "Gone", "fake.gone", parent="fake")),
        ),
        "crm_panels": (
            (
                "fake",
                Panel(
                    "fake.ok", "fake.slot", "Fine", "fake/panel.html", "fake.see", lambda k: made.loads["fake.ok"](k)
                ),
            ),
        ),
        "crm_permissions": (("fake", Action("fake.secret", "Open the secret list")),),
    }
    return made


@pytest.fixture
def shell_app(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(permissions, "can", lambda action, *a, **k: action not in world.denied)
    monkeypatch.setattr(permissions, "grantors", lambda: "secadmin")
    monkeypatch.setattr(permissions, "barred", lambda user_id, action: action in world.barred)
    monkeypatch.setattr(tabs, "listed", lambda: list(world.open))
    monkeypatch.setattr(tabs, "open", lambda titles, url, subject: world.open.append(tabs.Tab(titles, url)))
    monkeypatch.setattr(
        tabs, "close", lambda url: world.open.__setitem__(slice(None), [t for t in world.open if t.url != url])
    )
    monkeypatch.setattr("core.auth.drafts.for_form", lambda fields: None)
    monkeypatch.setattr("core.web.access.enter", lambda action: _enter(world, action))
    monkeypatch.setattr("core.permissions.routes.enter", lambda action: _enter(world, action))
    app = Flask("core", static_folder=None)
    config = load({"instance": tmp_path, "testing": True, "secret_key": "k" * 40}, {})
    app.config.update(CRM=config, SECRET_KEY=config.secret_key, WTF_CSRF_ENABLED=False)
    manager = flask_login.LoginManager(app)
    manager.request_loader(lambda _request: User() if world.signed_in else None)
    app.jinja_env.globals["csrf_token"] = lambda: "token"
    web.init_app(app)
    app.jinja_env.loader = ChoiceLoader([app.jinja_env.loader, DictLoader(TEMPLATES)])  # type: ignore[list-item]
    app.extensions["crm"] = Runtime(world, world, Snapshot)  # type: ignore[arg-type]
    app.extensions["crm.host"] = FakeHost(world)
    app.register_blueprint(_fake_pages())
    return app


def _enter(world: World, action: str) -> None:
    if action in world.denied:
        raise permissions.Denied(action)


def _fake_pages() -> Blueprint:
    bp = Blueprint("fake", __name__, url_prefix="/fake")

    @bp.get("/")
    @permissions.public("a test")
    def index() -> Any:
        return render("fake/page.html", title="Fake list")

    def secret() -> str:
        return "secret"

    secret.crm_access = ("requires", "fake.secret")  # type: ignore[attr-defined]
    bp.add_url_rule("/secret", view_func=secret)

    @bp.get("/raise/<what>")
    @permissions.public("a test")
    def failing(what: str) -> Any:
        if what == "denied":
            raise permissions.Denied("fake.secret")
        if what == "conflict":
            raise Conflict(dict, 1, {"name": "new", "version": 2}, {"name": "old", "version": 3})
        if what == "crash":
            raise RuntimeError("secret detail")
        abort(int(what), description=request.args.get("text"))

    @bp.post("/save")
    @permissions.public("a test")
    def save() -> Any:
        toast("已保存", "ok")
        return redirect("/fake/") if request.args.get("away") else "saved"

    return bp


@pytest.fixture
def client(shell_app: Flask) -> Iterator[FlaskClient]:
    with shell_app.test_client() as made:
        yield made
