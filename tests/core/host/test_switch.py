from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

import pytest
from flask import url_for
from sqlalchemy import delete, select
from werkzeug.routing import BuildError

from core.db.session import system_session
from core.extensions import db
from core.host import Host, SwitchRefused, store
from core.host.snapshot import ENVIRON
from core.monitoring.models import AuditEntry

from .conftest import StartHost, enable, put, state


def told(name: str = "visits") -> list[str]:
    return sys.modules[f"plugins.{name}.plugin"].told


def audit(host: Host) -> list[AuditEntry]:
    with host.app.app_context(), system_session("a test") as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_a_disabled_plugin_does_not_exist_for_requests(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    client = host.app.test_client()
    assert client.get("/visits").status_code == 308
    assert client.get("/visits/save").status_code == 405
    assert client.get("/visits/static/visits/mark.txt").text == "here\n"
    assert client.options("/visits/save").headers["Allow"]

    host.disable("visits", "sysadmin", "a test")

    for path in ("/visits", "/visits/", "/visits/save", "/visits/static/visits/mark.txt"):
        assert client.get(path).status_code == 404
    assert client.post("/visits/save").status_code == 404
    with host.app.test_request_context("/"):
        with pytest.raises(BuildError):
            url_for("visits.index")
        assert url_for("home") == "/"
    assert host.dispatch.collect("crm_search", query="x", limit=1) == {}
    assert host.registry.of("crm_menus") == ()
    assert host.registry.owner("crm_menus", "visits.list") == "visits"


def test_things_come_in_plugin_order_then_by_weight_and_name(start: StartHost) -> None:
    host = start()
    enable(host, "visits", "notes")
    assert [item.id for _, item in host.registry.of("crm_menus")] == ["visits.list", "visits.late", "notes.list"]
    host.registry.declare("crm_menus", [])
    assert list(host.dispatch.collect("crm_search", query="x", limit=1)) == ["visits", "notes"]
    assert host.dispatch.first("crm_search", query="x", limit=1)[0].title == "visit x"


def test_a_request_keeps_its_snapshot_to_its_end(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    environ: dict[str, object] = {}
    seen: list[frozenset[str]] = []

    def switch_in_between() -> str:
        from flask import request

        environ.update(request.environ)
        host.disable("visits", "sysadmin", "in the middle")
        seen.append(host.snapshot().enabled)
        return url_for("visits.index")

    host.app.view_functions["home"] = switch_in_between
    client = host.app.test_client()
    assert client.get("/").text == "/visits/"
    assert seen == [frozenset({"visits"})]
    assert environ[ENVIRON].epoch < host.snapshots.latest.epoch  # type: ignore[attr-defined]
    assert client.get("/visits/").status_code == 404


def test_the_oldest_epoch_served_is_known_until_the_last_byte(start: StartHost) -> None:
    host = start()
    before = host.snapshots.read().epoch
    inside, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        go_on.wait(10)
        return "done"

    host.app.view_functions["home"] = slow
    thread = threading.Thread(target=lambda: host.app.test_client().get("/").close())
    thread.start()
    assert inside.wait(10)
    enable(host, "visits")
    after = host.snapshots.read().epoch
    assert (before, after) == (host.in_flight.oldest(after), after)
    go_on.set()
    thread.join(10)
    assert host.in_flight.oldest(after) == after


def test_refused_while_somebody_requires_it_or_a_requirement_is_off(start: StartHost) -> None:
    host = start()
    with pytest.raises(SwitchRefused, match="notes requires visits") as caught:
        enable(host, "notes")
    assert caught.value.blocked_by == ("visits",)
    enable(host, "visits", "notes")
    plan = host.plan("visits", "disable")
    assert plan.blocked_by == ("notes",)
    assert plan.disappears["menus"] == ("Visits", "Late")
    assert plan.disappears["panels"] == ("Recent visits",)
    assert plan.disappears["jobs"] == ("Tidy visits",)
    assert "/visits/save" in plan.disappears["routes"]
    with pytest.raises(SwitchRefused, match="required by notes"):
        host.disable("visits", "sysadmin", "a test")
    assert host.snapshots.read().enabled == {"visits", "notes"}


def test_unknown_names_and_missing_reasons(start: StartHost) -> None:
    host = start()
    for switch in (host.enable, host.disable):
        with pytest.raises(KeyError):
            switch("nothing", "sysadmin", "a test")
        with pytest.raises(SwitchRefused, match="who switches, and why"):
            switch("visits", "sysadmin", " ")
    with pytest.raises(KeyError):
        host.plan("nothing", "enable")
    with pytest.raises(ValueError, match="enable"):
        host.plan("visits", "delete")


def test_a_protected_plugin_stays_on(start: StartHost, shelf: Path) -> None:
    manifest = shelf / "visits" / "plugin.toml"
    manifest.write_text(manifest.read_text() + "protected = true\n")
    host = start()
    enable(host, "visits")
    with pytest.raises(SwitchRefused, match="protected"):
        host.disable("visits", "sysadmin", "a test")


def test_lifecycle_hooks_seeds_and_audit(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    host.disable("visits", "chen", "too noisy")
    host.enable("visits", "chen", "needed after all")
    assert told() == ["seed", "enabled", "disabled", "enabled"]
    entries = audit(host)
    assert [entry.action for entry in entries] == ["plugin.enabled", "plugin.disabled", "plugin.enabled"]
    assert entries[1].detail == {"by": "chen", "from": "enabled", "to": "disabled"}
    assert (entries[1].key, entries[1].reason) == ("visits", "too noisy")
    with host.app.app_context():
        status = next(p for p in host.plugins() if p.name == "visits")
    assert (status.changed_by, status.changed_why, status.wanted) == ("chen", "needed after all", "enabled")
    assert status.dependants == ("notes",)


def test_enabling_fails_whole_when_its_hook_fails(start: StartHost, shelf: Path) -> None:
    path = shelf / "visits" / "plugin.py"
    path.write_text(path.read_text().replace('told.append("enabled")', "session.add(None)"))
    host = start()
    epoch = host.snapshots.read().epoch
    with pytest.raises(SwitchRefused, match="crm_enabled raised"):
        enable(host, "visits")
    assert host.snapshots.read().epoch == epoch
    assert state(host, "visits")[0] == "discovered"
    assert audit(host) == []


def test_disabling_succeeds_although_its_hook_fails(start: StartHost, shelf: Path) -> None:
    path = shelf / "visits" / "plugin.py"
    path.write_text(path.read_text().replace('told.append("disabled")', "raise RuntimeError('never')"))
    host = start()
    enable(host, "visits")
    host.disable("visits", "sysadmin", "a test")
    assert host.snapshots.read().enabled == frozenset()
    assert host.faults.counts["visits", "crm_disabled", "raised"] == 1


def test_another_worker_notices_at_its_next_request(start: StartHost, tmp_path: Path, shelf: Path) -> None:
    from .conftest import make_app

    host = start()
    enable(host, "visits")
    other = Host.start(make_app(tmp_path, shelf))
    client = other.app.test_client()
    assert client.get("/visits/").status_code == 200
    host.disable("visits", "sysadmin", "a test")
    assert client.get("/visits/").status_code == 404
    other.watch.stop()


def test_two_people_cannot_race(start: StartHost, tmp_path: Path, shelf: Path) -> None:
    """One disables what another enables a dependant of: never is the dependant on without it."""
    host = start()
    enable(host, "visits")
    for _ in range(5):
        outcomes: list[str] = []

        def attempt(what, name, outcomes=outcomes) -> None:
            try:
                what(name, "sysadmin", "a race")
                outcomes.append(f"{name} done")
            except SwitchRefused:
                outcomes.append(f"{name} refused")

        racers = [
            threading.Thread(target=attempt, args=(host.enable, "notes")),
            threading.Thread(target=attempt, args=(host.disable, "visits")),
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join(30)
        with host.app.app_context():
            wanted = {row.name: row.wanted for row in host.states.rows().values()}
        assert (wanted["notes"] == "enabled") <= (wanted["visits"] == "enabled")
        assert len(outcomes) == 2
        if wanted["notes"] == "enabled":
            host.disable("notes", "sysadmin", "again")
        if wanted["visits"] != "enabled":
            enable(host, "visits")


def test_before_migrate_everything_is_pending_and_the_app_starts(start: StartHost) -> None:
    host = start(tables=False)
    assert state(host, "visits")[0] == "pending"
    assert "crm migrate" in state(host, "visits")[1]
    assert host.app.test_client().get("/").text == "home"
    assert host.app.test_client().get("/visits/").status_code == 404
    with pytest.raises(SwitchRefused, match="crm migrate"):
        enable(host, "visits")
    with host.app.app_context():
        db.metadata.create_all(db.engine)
    assert host.app.test_client().get("/").text == "home"
    assert state(host, "visits")[0] == "discovered"


def test_ours_are_on_at_once_but_for_training_plugins(
    start: StartHost, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(str(shelf), tmp_path / "plugins")
    shelf.mkdir()
    monkeypatch.setattr("core.host.discovery.ROOT", tmp_path)
    import plugins

    plugins.__path__.append(str(tmp_path / "plugins"))
    put("calls", tmp_path / "plugins")
    manifest = tmp_path / "plugins" / "wrecker" / "plugin.toml"
    manifest.write_text(manifest.read_text() + "training = true\n")
    monkeypatch.setattr("core.host.discovery.ROOT", tmp_path)
    host = start()
    assert host.snapshots.read().enabled == {"visits", "notes"}
    assert state(host, "wrecker") == ("disabled", "it works in training mode only")
    with pytest.raises(SwitchRefused, match="training mode only"):
        enable(host, "wrecker")
    host = start(training=True)
    enable(host, "wrecker")
    assert state(host, "wrecker") == ("enabled", "")
    assert state(start(), "wrecker")[0] == "disabled"


def test_a_removed_plugin_is_remembered(start: StartHost, shelf: Path) -> None:
    host = start()
    enable(host, "visits")
    shutil.rmtree(shelf / "visits")
    shutil.rmtree(shelf / "notes")
    host = start()
    assert state(host, "visits")[0] == "broken"
    assert "install it again, or purge it" in state(host, "visits")[1]


def test_the_snapshot_is_read_fast(start: StartHost) -> None:
    import timeit

    host = start()
    host.snapshots.read()
    seconds = min(timeit.repeat(host.snapshots.read, number=200, repeat=5)) / 200
    assert seconds < 0.0002


def test_without_the_database_the_last_snapshot_stands(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    with store.writing(host.engine) as connection:
        connection.execute(delete(store.epochs))
        connection.exec_driver_sql("ALTER TABLE core_plugin_epoch RENAME COLUMN epoch TO gone")
    assert host.app.test_client().get("/visits/").status_code == 200


def test_names_of_the_core_are_not_to_be_had(start: StartHost, shelf: Path) -> None:
    from core.contract import Action
    from core.permissions import decisions

    decisions.declare(Action("visits.visit.view", "The core's"))
    try:
        host = start()
        assert "permission 'visits.visit.view' is already registered by 'core'" in state(host, "visits")[1]
    finally:
        del decisions._core_actions["visits.visit.view"]


def test_links_outside_of_requests_follow_the_switch_too(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    host.app.config["SERVER_NAME"] = "crm.example"
    with host.app.app_context():
        assert url_for("visits.index") == "http://crm.example/visits/"
    host.disable("visits", "sysadmin", "a test")
    with host.app.app_context(), pytest.raises(BuildError):
        url_for("visits.index")


def test_without_a_host_it_is_a_plain_flask() -> None:
    from core.host.gate import GatedFlask

    app = GatedFlask("plain")
    app.add_url_rule("/", "home", lambda: "home")
    assert app.test_client().get("/").text == "home"


def test_switching_under_load_loses_no_request_and_holds_at_the_next(start: StartHost) -> None:
    host = start()
    enable(host, "visits")
    stop_now = threading.Event()
    seen: set[tuple[str, int]] = set()
    errors: list[BaseException] = []

    def clerk() -> None:
        client = host.app.test_client()
        while not stop_now.is_set():
            for path in ("/", "/visits/", "/visits/static/visits/mark.txt"):
                try:
                    answer = client.get(path)
                    seen.add((path, answer.status_code))
                    answer.close()
                except Exception as error:
                    errors.append(error)

    clerks = [threading.Thread(target=clerk) for _ in range(4)]
    for thread in clerks:
        thread.start()
    client = host.app.test_client()
    for _ in range(10):
        host.disable("visits", "sysadmin", "under load")
        assert client.get("/visits/").status_code == 404
        enable(host, "visits")
        assert client.get("/visits/").status_code == 200
    stop_now.set()
    for thread in clerks:
        thread.join(10)
    assert errors == []
    assert seen <= {("/", 200), *((p, s) for p in ("/visits/", "/visits/static/visits/mark.txt") for s in (200, 404))}
    assert len(host.in_flight) == 0
