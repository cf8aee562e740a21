"""Each kind of broken plugin: the rest keeps working, the culprit is named with the reason, a restart heals it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from core.db.base import metadata
from core.extensions import db
from core.host import PluginsBroken
from core.host.models import PluginEpoch

from .conftest import StartHost, enable, put, state

# kind: words the reason must hold; file, text to replace and replacement that mend it
KINDS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "import_error": (("ModuleNotFoundError", "nothing_of_that_name"), "plugin.py", "import nothing_of_that_name", ""),
    "syntax_error": (("SyntaxError", "plugin.py", "line 3"), "plugin.py", "def broken(:", "def mended():"),
    "missing_requirement": (("requires nowhere >=1", "not installed"), "plugin.toml", "nowhere", "visits"),
    "wrong_version": (("requires visits >=9,<10", "1.0.0"), "plugin.toml", ">=9,<10", ">=1"),
    "cycle": (("follower → wrecker → follower",), "plugin.toml", "follower", "visits"),
    "new_api": ((">=2.0,<3", "1.0"), "plugin.toml", ">=2.0,<3", ">=1.0,<2"),
    "bad_relationship": (("Nothing", "Thing"), "models.py", '    other: Mapped["Nothing"]', "    # "),
    "backref": (("Thing.epoch", "backref", "take backref out"), "models.py", ', backref="things"', ""),
    "column_property": (("'things'", "PluginEpoch"), "models.py", "PluginEpoch.things =", "_ ="),
    "foreign_key": (("wrecker_thing.other_id", "wrecker_nothing"), "models.py", "wrecker_nothing", "core_plugin_epoch"),
    "foreign_owner": (("wrecker_thing.visit_id", "'visits'", "requires"), "models.py", "visits_visit", "wrecker_thing"),
    "half_mapped": (
        ("primary key", "wrecker_half"),
        "models.py",
        "name: Mapped[str]",
        "name: Mapped[str] = mapped_column(primary_key=True)",
    ),
    "table_clash": (("core_plugin_epoch",), "models.py", "core_plugin_epoch", "wrecker_thing"),
    "table_taken": (
        ("core_plugin_epoch", "core", "extend_existing"),
        "models.py",
        "core_plugin_epoch",
        "wrecker_thing",
    ),
    "signature": (("crm_search", "colour", "query"), "plugin.py", ", colour", ""),
    "unknown_hook": (("crm_serach",), "plugin.py", "serach", "search"),
    "unknown_business_hook": (("visits_weather", "'visits'"), "plugin.py", "visits_", "absent_"),
    "wrapper": (("crm_search", "wrapper"), "plugin.py", "(wrapper=True)", ""),
    "wrong_thing": (("crm_menus", "MenuItem"), "plugin.py", '"wrecker"', ""),
    "permission_clash": (("permission 'visits.visit.view'", "'visits'"), "plugin.py", "visits.visit", "wrecker.thing"),
    "undeclared_permission": (("wrecker.thing.view", "wrecker.index"), "views.py", "wrecker.thing", "visits.visit"),
    "url_clash": (("/visits/", "'visits'"), "views.py", "'/visits'", "'/wrecker'"),
    "blueprint_name": (("blueprint 'visits'", "rename it"), "views.py", "'visits'", "'wrecker'"),
    "app_wide": (("before_app_request",), "views.py", "before_app_request", "before_request"),
    "exit_at_import": (("SystemExit",), "plugin.py", "sys.exit(3)", ""),
}
NO_TRACE = {"missing_requirement", "wrong_version", "cycle", "new_api", "undeclared_permission"}


def mend(shelf: Path, file: str, old: str, new: str) -> None:
    path = shelf / "wrecker" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("kind", KINDS)
def test_broken_plugin_is_named_and_costs_nobody_else(kind: str, start: StartHost, shelf: Path) -> None:
    words, file, old, new = KINDS[kind]
    put(f"bad/{kind}", shelf)
    before = set(metadata.tables)

    host = start()

    assert state(host, "wrecker")[0] == "broken"
    reason = state(host, "wrecker")[1]
    for word in words:
        assert word in reason
    traces = {p.name: p.trace for p in _plugins(host)}
    assert ("Traceback" in traces["wrecker"]) is (kind not in NO_TRACE)
    follower = state(host, "follower")
    assert follower[0] == "broken"
    assert "wrecker" in follower[1]

    enable(host, "visits", "notes")
    client = host.app.test_client()
    assert client.get("/").text == "home"
    assert client.get("/visits/").text == "/visits/"
    assert client.get("/wrecker/").status_code == 404
    with host.app.app_context():
        assert [e.epoch for e in db.session.scalars(select(PluginEpoch))]
        assert db.session.execute(select(metadata.tables["notes_note"])).all() == []
        assert set(host.dispatch.collect("crm_search", query="x", limit=5)) == {"visits", "notes"}
    left = {t for t in set(metadata.tables) - before if not t.startswith(("visits_", "notes_", "core_", "alembic"))}
    assert left == set()
    assert metadata.tables["core_plugin_epoch"].info.get("plugin", "core") == "core"

    mend(shelf, file, old, new)
    host = start()

    assert state(host, "wrecker")[0] == "discovered"
    enable(host, "wrecker", "follower")
    assert state(host, "follower") == ("enabled", "")
    assert state(host, "notes") == ("enabled", "")


def test_the_check_tells_what_only_loading_shows(start: StartHost, shelf: Path) -> None:
    from core.host.cli import plugin

    put("bad/wrong_thing", shelf)
    host = start()
    checked = host.app.test_cli_runner().invoke(plugin, ["check", str(shelf / "wrecker")])
    assert checked.exit_code == 1
    assert "does not load" in checked.output
    assert "MenuItem" in checked.output


def _plugins(host):
    with host.app.app_context():
        return host.plugins()


def test_blueprint_name_of_the_core_is_refused(start: StartHost, shelf: Path, monkeypatch) -> None:
    from flask import Blueprint

    from . import conftest

    put("bad/blueprint_clash", shelf)
    make = conftest.make_app

    def with_core_blueprint(*args, **kw):
        app = make(*args, **kw)
        app.register_blueprint(Blueprint("wrecker_taken", __name__))
        return app

    monkeypatch.setattr(conftest, "make_app", with_core_blueprint)
    host = start()
    assert "blueprint 'wrecker_taken' is already registered by 'core'" in state(host, "wrecker")[1]


def test_broken_manifest_is_listed_with_its_reason(start: StartHost, shelf: Path) -> None:
    put("bad/toml", shelf)
    host = start()
    found, reason = state(host, "wrecker")
    assert found == "broken"
    assert str(shelf / "wrecker" / "plugin.toml") in reason
    assert "version" in reason
    assert state(host, "visits")[0] == "discovered"


def test_strict_mode_makes_it_fatal(start: StartHost, shelf: Path) -> None:
    put("bad/import_error", shelf)
    with pytest.raises(PluginsBroken, match="wrecker: ModuleNotFoundError"):
        start(strict_plugins=True)


def test_a_broken_plugin_can_be_disabled(start: StartHost, shelf: Path) -> None:
    put("bad/signature", shelf)
    mend(shelf, "plugin.py", ", colour", "")
    host = start()
    enable(host, "wrecker")
    mend(shelf, "plugin.py", "(query", "(query, colour")
    host = start()
    assert state(host, "wrecker")[0] == "broken"
    host.disable("wrecker", "sysadmin", "it is broken")
    mend(shelf, "plugin.py", ", colour", "")
    host = start()
    assert state(host, "wrecker") == ("disabled", "")
