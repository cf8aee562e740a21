from __future__ import annotations

import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from core.contract import IntegrityEvent
from core.contract.protocols import PluginFailed, runtime
from core.db.base import metadata
from core.db.session import system_session
from core.db.types import now
from core.extensions import db
from core.host import Host, SwitchRefused, dispatch, store
from core.host.faults import Fault
from core.host.hooks import Implementation
from core.host.models import JournalRow

from .conftest import StartHost, enable, put, state


@pytest.fixture
def host(start: StartHost, shelf: Path) -> Host:
    put("calls", shelf)
    host = start()
    enable(host, "visits", "wrecker")
    return host


def told() -> list[str]:
    found: list[str] = sys.modules["plugins.visits.plugin"].told
    return [line for line in found if line.startswith("visits.made")]


# -- collect and first ------------------------------------------------------------------------------------------------


FAILING = [("raise", "RuntimeError: out of order"), ("exit", "SystemExit"), ("late", "ZeroDivisionError")]


@pytest.mark.parametrize(("query", "reason"), FAILING)
def test_a_hook_that_raises_is_left_out_counted_and_shown(host: Host, query: str, reason: str) -> None:
    with host.app.app_context():
        answers = runtime().dispatch.collect("crm_search", query=query, limit=5)
    assert list(answers) == ["visits"]
    assert host.faults.counts["wrecker", "crm_search", "raised"] == 1
    with host.app.app_context():
        shown = next(p for p in host.plugins() if p.name == "wrecker").faults
    assert (shown[0].hook, shown[0].kind, shown[0].count) == ("crm_search", "raised", 1)
    assert reason in shown[0].reason
    assert state(host, "wrecker") == ("enabled", "")
    assert host.dispatch.collect("crm_search", query="fine", limit=5)["wrecker"] == ["fine"]


def test_first_passes_over_failures(host: Host) -> None:
    host.disable("visits", "sysadmin", "a test")
    assert host.dispatch.first("crm_search", query="raise", limit=1) is None
    assert host.dispatch.first("crm_search", query="fine", limit=1) == ["fine"]


def test_what_a_failing_hook_wrote_is_undone_and_nothing_else(host: Host) -> None:
    visits = metadata.tables["visits_visit"]

    def writer(plugin: str) -> Implementation:
        def write(query: str) -> None:
            db.session.execute(insert(visits).values(party=plugin))
            if plugin == "wrecker":
                raise RuntimeError("after writing")

        return Implementation(plugin, "crm_search", write, frozenset({"query"}))

    host.loader.implementations["crm_search"] = (writer("wrecker"), writer("visits"))
    with host.app.app_context():
        db.session.execute(insert(visits).values(id=1, party="before"))
        assert set(host.dispatch.collect("crm_search", query="x")) == {"visits"}
        db.session.commit()
        assert db.session.scalars(select(visits.c.party).order_by(visits.c.id)).all() == ["before", "visits"]


# -- call -------------------------------------------------------------------------------------------------------------


def test_call_names_plugin_hook_and_reason(host: Host) -> None:
    assert host.dispatch.call("visits", "panel x", lambda: 7) == 7
    with pytest.raises(PluginFailed) as caught:
        host.dispatch.call("visits", "panel x", lambda: 1 / 0)
    assert (caught.value.failure.plugin, caught.value.failure.hook) == ("visits", "panel x")
    assert "ZeroDivisionError" in caught.value.failure.reason
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_hanging_calls_take_two_slots_and_no_more_threads(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SLOW", 0.3)
    go_on = threading.Event()
    hanging = [threading.Thread(target=lambda: host.dispatch.call("wrecker", "panel", go_on.wait)) for _ in range(2)]
    for thread in hanging:
        thread.start()
    time.sleep(0.4)
    began = time.monotonic()
    with pytest.raises(PluginFailed, match="busy"):
        host.dispatch.call("wrecker", "panel", lambda: 1)
    assert time.monotonic() - began < 0.2
    assert host.dispatch.call("visits", "panel", lambda: 1) == 1
    go_on.set()
    for thread in hanging:
        thread.join(5)
    assert host.dispatch.call("wrecker", "panel", lambda: 1) == 1


def test_quick_calls_wait_for_each_other(host: Host) -> None:
    """A page fetches its panels at once: that is no reason to refuse any."""
    answers: list[int] = []

    def panel() -> None:
        answers.append(host.dispatch.call("visits", "panel", lambda: time.sleep(0.05) or 1))

    threads = [threading.Thread(target=panel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == [1] * 8


def test_a_call_inside_a_call_needs_no_second_slot(host: Host) -> None:
    def deep(level: int) -> int:
        return 0 if level == 0 else 1 + host.dispatch.call("visits", "panel", lambda: deep(level - 1))

    assert deep(4) == 4


def test_three_timeouts_open_the_breaker_for_every_worker(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "SLOW", 0.01)
    epoch = host.snapshots.read().epoch
    with host.app.app_context():
        for _ in range(3):
            host.dispatch.call("wrecker", "panel a", lambda: time.sleep(0.02))
    assert host.snapshots.read().epoch == epoch + 1
    with pytest.raises(PluginFailed, match="off for a while"):
        host.dispatch.call("wrecker", "panel a", lambda: 1)
    assert host.dispatch.call("wrecker", "panel b", lambda: 1) == 1
    with store.writing(host.engine) as connection:
        connection.execute(update(store.faults).values(closed_until=None))
    host.refresh()
    assert host.dispatch.call("wrecker", "panel a", lambda: 1) == 1


LATER = timedelta(hours=1)

# -- events -----------------------------------------------------------------------------------------------------------


def publish(host: Host, *keys: int, commit: bool = True) -> None:
    with host.app.app_context(), system_session("a test") as session:
        for key in keys:
            host.dispatch.publish(session, "visits.made", {"id": key})
        if commit:
            session.commit()


def deliver(host: Host):
    with host.app.app_context():
        return host.dispatch.deliver()


def test_events_reach_plugins_after_commit_once_and_in_order(host: Host) -> None:
    deliver(host)
    publish(host, 1, 2)
    publish(host, 9, commit=False)
    assert told() == []
    events = deliver(host)
    assert [event.payload["id"] for event in events] == [1, 2]
    assert told() == ["visits.made 1", "visits.made 2"]
    assert deliver(host) == []


def test_an_undeclared_event_is_a_mistake(host: Host) -> None:
    with host.app.app_context(), system_session("a test") as session, pytest.raises(ValueError, match=r"visits\.lost"):
        host.dispatch.publish(session, "visits.lost", {})


def test_a_plugin_that_fails_is_told_again_in_order(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(host)
    module = sys.modules["plugins.visits.plugin"]
    publish(host, 1, 2)
    monkeypatch.setattr(module, "told", None)
    assert deliver(host) == []
    monkeypatch.undo()
    assert deliver(host) == []  # not at once: it has just failed
    with store.writing(host.engine) as connection:
        connection.execute(update(store.cursors).values(retry_at=None))
    assert len(deliver(host)) == 2
    assert told() == ["visits.made 1", "visits.made 2"]


def test_a_disabled_plugin_is_told_when_it_is_back(host: Host) -> None:
    deliver(host)
    host.disable("visits", "sysadmin", "a test")
    publish(host, 1)
    assert deliver(host) == []
    enable(host, "visits")
    assert len(deliver(host)) == 1


def test_a_late_commit_is_not_skipped(host: Host) -> None:
    """Its row is older than one that has been delivered already."""
    deliver(host)
    publish(host, 1)
    publish(host, 2)
    with store.writing(host.engine) as connection:
        first = connection.execute(select(store.outbox).order_by(store.outbox.c.id)).first()
        connection.execute(store.outbox.delete().where(store.outbox.c.id == first.id))
    deliver(host)
    with store.writing(host.engine) as connection:
        connection.execute(insert(store.outbox), dict(first._mapping))
    assert [event.payload["id"] for event in deliver(host)] == [1]


def test_old_events_go_once_everybody_has_been_told(host: Host) -> None:
    deliver(host)
    publish(host, 1)
    deliver(host)
    publish(host, 2)
    with store.writing(host.engine) as connection:
        connection.execute(update(store.outbox).values(at=now() - timedelta(days=31)))
        cursor = update(store.cursors).where(store.cursors.c.plugin == "visits")
        connection.execute(cursor.values(retry_at=now() + LATER))
    deliver(host)
    with host.engine.connect() as connection:
        assert [row.payload["id"] for row in connection.execute(select(store.outbox))] == [2]


def test_old_events_go_when_nobody_listens(host: Host) -> None:
    deliver(host)
    publish(host, 1, 2)
    host.disable("visits", "sysadmin", "a test")
    with store.writing(host.engine) as connection:
        old = update(store.outbox).where(store.outbox.c.id == select(func.min(store.outbox.c.id)).scalar_subquery())
        connection.execute(old.values(at=now() - timedelta(days=31)))
    deliver(host)
    with host.engine.connect() as connection:
        assert [row.payload["id"] for row in connection.execute(select(store.outbox))] == [2]


def test_two_processes_do_not_deliver_twice(host: Host) -> None:
    deliver(host)
    publish(host, *range(20))
    threads = [threading.Thread(target=deliver, args=(host,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    deliver(host)
    assert told() == [f"visits.made {n}" for n in range(20)]


def test_events_of_a_request_are_delivered_at_its_end(host: Host) -> None:
    deliver(host)

    def make() -> str:
        publish(host, 5)
        return "made"

    host.app.view_functions["home"] = make
    host.app.test_client().get("/").close()
    assert told() == ["visits.made 5"]


# -- integrity --------------------------------------------------------------------------------------------------------

MERGED = IntegrityEvent("demo.party", "merged", "P1", "P2")


def visit_parties(host: Host) -> list[str | None]:
    with host.engine.connect() as connection:
        return list(connection.execute(select(metadata.tables["visits_visit"].c.party)).scalars())


def merge(host: Host, *, commit: bool = True) -> None:
    with host.app.app_context(), system_session("a merge") as session:
        host.dispatch.integrity(session, MERGED)
        if commit:
            session.commit()


@pytest.fixture
def visited(host: Host) -> Host:
    with store.writing(host.engine) as connection:
        connection.execute(insert(metadata.tables["visits_visit"]).values(party="P1"))
    return host


def test_a_merge_is_followed_in_its_transaction(visited: Host) -> None:
    merge(visited, commit=False)
    assert visit_parties(visited) == ["P1"]
    merge(visited)
    assert visit_parties(visited) == ["P2"]


def test_a_disabled_plugin_follows_too(visited: Host) -> None:
    visited.disable("visits", "sysadmin", "a test")
    merge(visited)
    assert visit_parties(visited) == ["P2"]


def journal(host: Host) -> list[str]:
    with host.engine.connect() as connection:
        return list(connection.execute(select(JournalRow.plugin)).scalars())


def test_a_broken_plugin_follows_before_it_is_on_again(visited: Host, start: StartHost, shelf: Path) -> None:
    path = shelf / "visits" / "plugin.py"
    good = path.read_text()
    path.write_text("import nowhere\n")
    host = start()
    assert state(host, "visits")[0] == "broken"
    merge(host)
    assert journal(host) == ["visits"]
    path.write_text(good)
    host = start()
    assert state(host, "visits") == ("enabled", "")
    assert visit_parties(host) == ["P2"]
    assert journal(host) == []


def test_a_plugin_that_cannot_follow_is_not_switched_on(visited: Host, start: StartHost, shelf: Path) -> None:
    path = shelf / "visits" / "plugin.py"
    good = path.read_text()
    path.write_text(good.replace("session.execute(update", "raise RuntimeError; (update"))
    host = start()
    merge(host)
    assert journal(host) == ["visits"]
    assert state(host, "visits") == ("enabled", "")
    host.disable("visits", "sysadmin", "it does not follow")
    with pytest.raises(SwitchRefused, match="cannot follow"):
        enable(host, "visits")
    host = start()
    assert state(host, "visits")[0] == "disabled"
    path.write_text(good)
    host = start()
    enable(host, "visits")
    assert visit_parties(host) == ["P2"]
    assert journal(host) == []


def test_an_enabled_plugin_that_failed_once_is_told_again(visited: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["plugins.visits.models"]
    kept = module.Visit
    monkeypatch.delattr(module, "Visit")
    merge(visited)
    assert journal(visited) == ["visits"]
    module.Visit = kept
    deliver(visited)
    assert journal(visited) == []
    assert visit_parties(visited) == ["P2"]


def test_what_a_module_fails_with_is_kept_without_identifiers(start: StartHost) -> None:
    host = start()
    said = "ValueError: bad phone 139-1234-5678 of 11010519491231002X"
    host.faults.note(Fault("visits", "crm_search", "raised", said, f"File views.py, line 7\n{said}"))
    assert host.faults.flush() == 1
    with store.reading(host.faults._engine) as connection:
        row = connection.execute(select(store.faults.c.reason, store.faults.c.trace)).one()
    kept = "ValueError: bad phone [removed] of [removed]"
    assert tuple(row) == (kept, f"File views.py, line 7\n{kept}")
