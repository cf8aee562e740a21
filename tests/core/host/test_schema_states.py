"""Code and schema apart: pending, newer, failing half-way. With real migrations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect, select

from core.contract import IntegrityEvent
from core.db.base import metadata
from core.db.session import system_session
from core.extensions import db
from core.host import Host, SwitchRefused, migrations
from core.host.models import PluginRow

from .conftest import FIXTURES, StartHost, enable, state

BOTH = FIXTURES.parent


@pytest.fixture
def depot(shelf: Path) -> Path:
    """A plugin with three migrations; the last is put aside."""
    shutil.copytree(BOTH / "schemas" / "depot", shelf / "depot", ignore=shutil.ignore_patterns("__pycache__"))
    last = shelf / "depot" / "migrations" / "versions" / "0003_normal_labels.py"
    last.rename(shelf / "depot" / "0003.aside")
    return shelf / "depot"


def new_code(depot: Path) -> None:
    (depot / "0003.aside").rename(depot / "migrations" / "versions" / "0003_normal_labels.py")


def core_only(host: Host) -> None:
    with host.app.app_context():
        tables = [t for t in metadata.tables.values() if t.name.startswith(("core_", "visits_"))]
        db.metadata.create_all(db.engine, tables=tables)
    host.refresh()


def test_enabling_runs_the_migrations_and_the_plan_tells_them(start: StartHost, depot: Path) -> None:
    host = start(tables=False)
    core_only(host)
    assert state(host, "depot")[0] == "discovered"
    plan = host.plan("depot", "enable")
    assert [line[:10] for line in plan.migrations] == ["0001 Boxes", "0002 Longe"]
    assert plan.schema is not None
    assert [touched.table for touched in plan.schema.tables] == ["depot_box", "depot_item"]
    with pytest.raises(SwitchRefused, match="pending"):
        host.enable("depot", "sysadmin", "a test", migrate=False)
    enable(host, "depot")
    assert state(host, "depot") == ("enabled", "")
    assert inspect(host.engine).has_table("depot_box")
    assert host.plan("depot", "enable").migrations == ()


def test_a_page_can_enable_although_its_own_session_has_looked_around(start: StartHost, depot: Path) -> None:
    host = start(tables=False)
    core_only(host)

    def switch() -> str:
        db.session.scalars(select(PluginRow)).all()
        host.enable("depot", "sysadmin", "from the page")
        return "done"

    host.app.add_url_rule("/switch", "switch", switch, methods=["POST"])
    assert host.app.test_client().post("/switch").text == "done"
    assert state(host, "depot") == ("enabled", "")


def test_code_newer_than_its_schema_is_pending_until_the_migration_has_run(start: StartHost, depot: Path) -> None:
    host = start(tables=False)
    core_only(host)
    enable(host, "depot", "visits")
    new_code(depot)

    host = start(tables=False)

    found, reason = state(host, "depot")
    assert found == "pending"
    assert "0003 The normal form of every label" in reason
    with host.app.app_context():
        status = next(p for p in host.plugins() if p.name == "depot")
    assert len(status.pending_migrations) == 1
    assert state(host, "visits") == ("enabled", "")
    assert host.app.test_client().get("/visits/").status_code == 200
    assert host.snapshots.read().enabled == {"visits"}

    migrations.upgrade(host.engine, "depot")
    host.refresh()
    assert state(host, "depot") == ("enabled", "")


def test_what_requires_a_pending_plugin_is_pending_too(start: StartHost, depot: Path, shelf: Path) -> None:
    manifest = shelf / "visits" / "plugin.toml"
    manifest.write_text(manifest.read_text() + 'requires = { depot = ">=0.1" }\n')
    host = start(tables=False)
    core_only(host)
    enable(host, "depot", "visits")
    new_code(depot)
    host = start(tables=False)
    assert state(host, "visits") == ("pending", "requires depot, which is pending")
    enable(host, "depot")
    assert state(host, "visits") == ("enabled", "")


def test_a_schema_newer_than_its_code_is_broken(start: StartHost, depot: Path) -> None:
    new_code(depot)
    host = start(tables=False)
    core_only(host)
    enable(host, "depot")
    (depot / "migrations" / "versions" / "0003_normal_labels.py").rename(depot / "0003.aside")
    host = start(tables=False)
    found, reason = state(host, "depot")
    assert found == "broken"
    assert "newer code has been here" in reason
    with pytest.raises(SwitchRefused, match="newer code"):
        enable(host, "depot")
    new_code(depot)
    assert state(start(tables=False), "depot") == ("enabled", "")


def test_a_migration_that_fails_leaves_nothing_and_is_told(start: StartHost, shelf: Path) -> None:
    shutil.copytree(BOTH / "halfway" / "halfway", shelf / "halfway", ignore=shutil.ignore_patterns("__pycache__"))
    host = start(tables=False)
    core_only(host)
    with pytest.raises(SwitchRefused, match="halfway_no_such_table"):
        enable(host, "halfway")
    assert state(host, "halfway")[0] == "discovered"
    assert not inspect(host.engine).has_table("halfway_step")
    second = shelf / "halfway" / "migrations" / "versions" / "0002_extra.py"
    second.write_text(second.read_text().replace("INSERT INTO halfway_no_such_table (id) VALUES (1)", "SELECT 1"))
    host = start(tables=False)
    enable(host, "halfway")
    assert state(host, "halfway") == ("enabled", "")


def test_an_unreadable_migration_is_named(start: StartHost, depot: Path) -> None:
    (depot / "migrations" / "versions" / "0002_longer_labels.py").write_text("def broken(:\n")
    host = start(tables=False)
    core_only(host)
    found, reason = state(host, "depot")
    assert found == "broken"
    assert "0002_longer_labels.py" in reason
    assert state(host, "visits")[0] == "discovered"


def test_events_for_a_pending_plugin_wait_in_the_journal(start: StartHost, depot: Path) -> None:
    hook = "\n\n@hookimpl\ndef crm_integrity(event, session):\n    seen.append(event.key)\n\n\nseen = []\n"
    (depot / "plugin.py").write_text((depot / "plugin.py").read_text() + hook)
    host = start(tables=False)
    core_only(host)
    enable(host, "depot")
    new_code(depot)
    host = start(tables=False)
    with host.app.app_context(), system_session("a merge") as session:
        host.dispatch.integrity(session, IntegrityEvent("demo.party", "deleted", "P1"))
        session.commit()
    import sys

    seen = sys.modules["plugins.depot.plugin"].seen
    assert seen == []
    migrations.upgrade(host.engine, "depot")
    host.refresh()
    assert state(host, "depot") == ("enabled", "")
    assert seen == ["P1"]
