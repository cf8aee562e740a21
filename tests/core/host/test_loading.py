"""Hooks between plugins, things of the core, and what a reload in one process leaves behind."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Blueprint
from sqlalchemy.orm import configure_mappers

from core.contract import Job, MenuItem
from core.db.base import CoreBase, metadata
from core.host import CORE_THINGS, Host
from core.host.registry import RegistrationError, checked
from core.host.routes import try_out

from . import conftest
from .conftest import StartHost, enable, put, state

SPECS = '''
import pluggy

hookspec = pluggy.HookspecMarker("crm")


@hookspec
def visits_weather(day):
    """How is the weather?"""
'''
OFFER = """

@hookimpl
def crm_hookspecs():
    from plugins.visits import hookspecs

    return hookspecs
"""
ANSWER = """

@hookimpl
def visits_weather(day):
    return f"rain on {day}"
"""


def add(shelf: Path, plugin: str, text: str, file: str = "plugin.py") -> None:
    path = shelf / plugin / file
    path.write_text((path.read_text() if path.exists() else "") + text)


@pytest.fixture
def offering(shelf: Path) -> Path:
    """``visits`` offers a hook, ``notes`` implements it."""
    add(shelf, "visits", SPECS, "hookspecs.py")
    add(shelf, "visits", OFFER)
    add(shelf, "notes", ANSWER)
    return shelf


def test_a_hook_one_plugin_offers_is_answered_by_another(offering: Path, start: StartHost) -> None:
    host = start()
    enable(host, "visits", "notes")
    assert host.dispatch.collect("visits_weather", day="Monday") == {"notes": "rain on Monday"}
    host.disable("notes", "sysadmin", "a test")
    assert host.dispatch.collect("visits_weather", day="Monday") == {}


def test_the_one_who_answers_wrongly_is_named_not_the_one_who_asks(offering: Path, start: StartHost) -> None:
    path = offering / "notes" / "plugin.py"
    path.write_text(path.read_text().replace("visits_weather(day)", "visits_weather(day, place)"))
    host = start()
    assert "visits_weather takes place" in state(host, "notes")[1]
    assert state(host, "visits")[0] == "discovered"


def test_answers_to_an_absent_plugins_hook_are_optional(offering: Path, start: StartHost) -> None:
    put("calls", offering)
    add(offering, "wrecker", ANSWER)
    (offering / "visits" / "plugin.py").write_text("import nowhere\n")
    host = start()
    assert state(host, "wrecker")[0] == "discovered"
    enable(host, "wrecker")
    assert host.dispatch.collect("visits_weather", day="Monday") == {}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def visits_weather(day)", "def weather(day)", "must be named visits_something"),
        ("@hookspec", "", "did not find any"),
    ],
)
def test_a_wrong_offer_is_refused(offering: Path, start: StartHost, old: str, new: str, words: str) -> None:
    path = offering / "visits" / "hookspecs.py"
    path.write_text(path.read_text().replace(old, new))
    assert words in state(start(), "visits")[1]


def test_hookspecs_takes_no_arguments(offering: Path, start: StartHost) -> None:
    path = offering / "visits" / "plugin.py"
    path.write_text(path.read_text().replace("def crm_hookspecs()", "def crm_hookspecs(query)"))
    assert "takes no arguments" in state(start(), "visits")[1]


def test_a_lambda_does_not_hide_a_backref(start: StartHost, shelf: Path) -> None:
    put("bad/backref", shelf)
    path = shelf / "wrecker" / "models.py"
    path.write_text(path.read_text().replace("relationship(PluginEpoch,", "relationship(lambda: PluginEpoch,"))
    assert "take backref out" in state(start(), "wrecker")[1]
    path.write_text(path.read_text().replace("lambda: PluginEpoch", "lambda: Nothing"))
    assert "Nothing" in state(start(), "wrecker")[1]


def test_back_populates_onto_the_core_is_refused(start: StartHost, shelf: Path) -> None:
    put("bad/backref", shelf)
    path = shelf / "wrecker" / "models.py"
    path.write_text(path.read_text().replace("backref=", "back_populates="))
    assert "take back_populates out" in state(start(), "wrecker")[1]


def test_everybody_elses_mappers_still_configure(start: StartHost, shelf: Path) -> None:
    put("bad/bad_relationship", shelf)
    start()
    CoreBase.registry.configure(cascade=True)
    configure_mappers()


def test_plain_tables_of_a_plugin_are_its_own(start: StartHost, shelf: Path) -> None:
    add(
        shelf,
        "visits",
        '\n\nfrom sqlalchemy import Column, Integer, Table\n\nTable("visits_link", Base.metadata, '
        'Column("a", Integer))\n',
        "models.py",
    )
    start()
    assert metadata.tables["visits_link"].info["plugin"] == "visits"


def test_starting_twice_in_one_process(start: StartHost, tmp_path: Path, shelf: Path) -> None:
    host = start()
    enable(host, "visits", "notes")
    again = Host.start(conftest.make_app(tmp_path, shelf))
    assert again.snapshots.read().enabled == {"visits", "notes"}
    assert again.app.test_client().get("/visits/").status_code == 200


def test_unloading_leaves_nothing_behind(start: StartHost) -> None:
    host = start()
    assert "plugins.visits.models" in sys.modules
    host.unload()
    assert not [name for name in sys.modules if name.startswith(("plugins.visits", "plugins.notes"))]
    assert not [name for name in metadata.tables if name.startswith(("visits_", "notes_"))]


def test_things_of_the_core_are_always_on(start: StartHost, monkeypatch: pytest.MonkeyPatch) -> None:
    make = conftest.make_app

    def with_things(*args: object, **kw: object) -> object:
        app = make(*args, **kw)  # type: ignore[arg-type]
        app.extensions[CORE_THINGS] = {"crm_menus": [MenuItem("home", "Home", "home")]}
        return app

    monkeypatch.setattr(conftest, "make_app", with_things)
    host = start()
    assert [(who, item.id) for who, item in host.registry.of("crm_menus")] == [("core", "home")]
    enable(host, "visits")
    assert [who for who, _ in host.registry.of("crm_menus")] == ["core", "visits", "visits"]
    with pytest.raises(RegistrationError, match="already registered by 'core'"):
        host.registry.declare("crm_menus", [MenuItem("home", "Again", "home")])


@pytest.mark.parametrize("answer", ["text", 7, {"a": 1}, [object()]])
def test_a_registration_hook_gives_a_list_of_its_things(answer: object) -> None:
    with pytest.raises(RegistrationError, match="crm_menus gave"):
        checked("crm_menus", answer)
    assert checked("crm_menus", None) == ()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"schedule": "0 2 * * moonday"}, "schedule"),
        ({"schedule": 5}, "schedule"),
        ({"time_limit": None}, "time_limit"),
        ({"time_limit": 0}, "time_limit"),
        ({"retries": "2"}, "retries"),
    ],
)
def test_a_job_the_scheduler_could_not_run_breaks_its_own_plugin(
    start: StartHost, values: dict[str, object], named: str
) -> None:
    registry = start().registry
    with pytest.raises(RegistrationError, match=f"job 'x.work': {named}"):
        registry.check("x", "crm_jobs", [replace(Job("x.work", "Work", print, "0 2 * * 0", 60), **values)])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bp: bp.app_errorhandler(404)(lambda error: "mine"),
        lambda bp: bp.app_context_processor(dict),
        lambda bp: bp.app_template_filter("money")(str),
        lambda bp: bp.after_app_request(lambda response: response),
        lambda bp: bp.app_url_defaults(lambda endpoint, values: None),
    ],
)
def test_blueprints_keep_to_their_own_routes(spoil) -> None:
    bp = Blueprint("visits", __name__)
    spoil(bp)
    with pytest.raises(RegistrationError):
        try_out([bp], "visits")


def test_two_paths_that_take_the_same_requests_clash(start: StartHost, shelf: Path) -> None:
    put("bad/url_clash", shelf)
    views = shelf / "wrecker" / "views.py"
    views.write_text(views.read_text().replace('"/"', '"/<int:number>"'))
    add(shelf, "visits", '\n\n@bp.get("/<int:id>")\n@public("a test")\ndef show(id):\n    return str(id)\n', "views.py")
    assert "URL /visits/<int:number> is already registered by 'visits'" in state(start(), "wrecker")[1]
    views.write_text(views.read_text().replace("<int:number>", "<path:rest>"))
    assert state(start(), "wrecker")[0] == "discovered"
