"""What must mean the same on SQLite and PostgreSQL: locking, sequencing, clocks."""

from __future__ import annotations

import threading
import timeit
from pathlib import Path

import pytest
from sqlalchemy import select, text

from core.contract.protocols import PluginFailed
from core.db.session import system_session
from core.host import Host, Limits, SwitchRefused, store

from .conftest import StartHost, enable, put, state

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def host(start: StartHost, shelf: Path, database_url: str) -> Host:
    put("calls", shelf)
    host = start(database_url=database_url)
    enable(host, "visits", "wrecker")
    return host


def test_it_starts_before_migrate(start: StartHost, database_url: str) -> None:
    host = start(tables=False, database_url=database_url)
    assert host.app.test_client().get("/").text == "home"
    assert state(host, "visits")[0] == "pending"


def test_switching(host: Host) -> None:
    client = host.app.test_client()
    assert client.get("/visits/").status_code == 200
    with pytest.raises(SwitchRefused):
        host.enable("notes", "", "")
    enable(host, "notes")
    host.disable("notes", "sysadmin", "a test")
    host.disable("visits", "sysadmin", "a test")
    assert client.get("/visits/").status_code == 404
    seconds = min(timeit.repeat(host.snapshots.read, number=50, repeat=5)) / 50
    assert seconds < 0.002


def test_switches_wait_for_each_other(host: Host) -> None:
    epoch = host.snapshots.read().epoch
    outcomes: list[str] = []

    def toggle() -> None:
        for _ in range(3):
            for switch in (host.disable, host.enable):
                switch("wrecker", "sysadmin", "a race")
                outcomes.append("done")

    racers = [threading.Thread(target=toggle) for _ in range(3)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert len(outcomes) == 18
    assert host.snapshots.read().epoch == epoch + 18


def test_an_event_committed_late_is_not_lost(host: Host) -> None:
    with host.app.app_context():
        host.dispatch.deliver()
        with system_session("early") as early:
            host.dispatch.publish(early, "visits.made", {"id": 1})
            if host.engine.dialect.name == "postgresql":
                early.flush()
                with system_session("late") as late:
                    host.dispatch.publish(late, "visits.made", {"id": 2})
                    late.commit()
                assert [e.payload["id"] for e in host.dispatch.deliver()] == [2]
            early.commit()
        assert [e.payload["id"] for e in host.dispatch.deliver()] == [1]


def test_faults_and_beats(host: Host) -> None:
    with host.app.app_context():
        assert list(host.dispatch.collect("crm_search", query="raise", limit=1)) == ["visits"]
    host.watch.start()
    assert host.wait_drained(host.snapshots.read().epoch, timeout=5)
    host.watch.stop()
    with host.engine.connect() as connection:
        assert [row.hook for row in connection.execute(select(store.faults))] == ["crm_search"]


FOREVER = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def test_a_statement_without_end_costs_its_hook_and_not_the_worker(
    start: StartHost, shelf: Path, database_url: str
) -> None:
    host = start(database_url=database_url, limits=Limits(hard=1.0, tick=0.05))
    recycled: list[object] = []
    host.watch.recycle = recycled.append
    host.watch.start()

    def query() -> None:
        with host.engine.connect() as connection:
            connection.execute(text(FOREVER[host.engine.dialect.name]))

    with pytest.raises(PluginFailed) as caught:
        host.dispatch.call("visits", "panel", query)
    assert "Error" in caught.value.failure.reason
    assert recycled == []
    with host.engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
