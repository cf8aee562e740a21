"""A plugin goes for good: asked, approved by another, backed up, nothing left, and brought back from the file."""

from __future__ import annotations

import getpass
import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import inspect, select, text

import core.orgs.models
import core.parameters.models
import core.permissions.models
import core.scheduler.models
import core.warehouse.models  # noqa: F401
from core import web
from core.approvals import service as approvals
from core.auth.models import User
from core.db.base import CORE, metadata, tables_of
from core.db.session import system_session
from core.extensions import db
from core.host import Host, kinds, migrations, purge
from core.host.cli import migrate, plugin
from core.host.schema import backup
from core.permissions import Role, assign, declare, ensure_role

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "plugins"
pytestmark = pytest.mark.database("empty")

Run = Callable[..., Result]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Plugins with schemas: ``depot``, ``parcels`` that refers to it, ``depot_ext`` whose name begins alike."""
    folder = tmp_path / "shelf"
    shutil.copytree(FIXTURES / "schemas", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def host(start: Callable[..., Host], database_url: str) -> Iterator[Host]:
    """A running host with the three plugins enabled and rows in them, and three people."""
    kinds.register()
    declare(*web.ACTIONS)
    host = start(tables=False, database_url=database_url)
    metadata.create_all(host.engine, tables=tables_of(CORE))
    host.refresh()
    with host.app.app_context():
        with system_session("people") as session:
            people = [User(username=name, active=name != "gone") for name in ("ann", "bob", "carl", "gone")]
            session.add_all(people)
            session.flush()
            held = (("core.recovery", "system"), (kinds.APPROVE.name, "security"))
            for person, (action, kind) in zip(people, held, strict=False):
                ensure_role(session, f"of_{person.username}", "R", kind, [action])
                assign(session, person.id, f"of_{person.username}")
            session.commit()
        for name in ("depot", "depot_ext", "parcels"):
            host.enable(name, "ann", "test")
        sql(
            host,
            "INSERT INTO depot_box (id, label, value, label_norm) VALUES (1, '箱', 125, '箱'), (2, 'b', NULL, 'B')",
            "INSERT INTO depot_item (id, box_id) VALUES (5, 1)",
            "INSERT INTO depot_ext_note (id, text) VALUES (1, 'not yours')",
            "INSERT INTO core_parameter (name, value, valid_from, set_at, set_by, reason) VALUES "
            "('depot.size', '9', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'ann', ''), "
            "('depot_ext.size', '1', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'ann', '')",
            "INSERT INTO core_organisation (id, code, name, level, path, valid_from) VALUES "
            "(1, '1', '总行', 'HEAD', '/1/', '2020-01-01')",
            "INSERT INTO core_role (id, name, label, kind) VALUES (91, 'r', 'R', 'business')",
            "INSERT INTO core_grant (id, role_id, action, effect, scope) VALUES "
            "(91, 91, 'depot.box.view', 'allow', 'listed'), (92, 91, 'depot_ext.note.view', 'allow', 'bank')",
            "INSERT INTO core_grant_organisation (grant_id, org_id) VALUES (91, 1)",
            "INSERT INTO core_job (name, plugin, paused) VALUES ('depot.count', 'depot', false)",
            "INSERT INTO core_job_run (job, business_date, state, attempt, requested_by, queued_at, done, total, "
            "message, log) VALUES ('depot.count', '2026-01-01', 'done', 1, '', '2026-01-01 00:00:00', 0, 0, '', '')",
        )
        yield host


@pytest.fixture
def run(host: Host) -> Run:
    """Run a ``crm`` command; ``json=True`` adds --json and checks that exactly one object came out."""
    app: Flask = host.app
    app.cli.add_command(plugin)
    app.cli.add_command(migrate)

    def run(*line: str, json_: bool = False) -> Result:
        result = app.test_cli_runner().invoke(args=[*line, *(["--json"] if json_ else [])])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        if json_:
            result.answer = json.loads(result.stdout)  # type: ignore[attr-defined]
        return result

    return run


def sql(host: Host, *statements: str) -> None:
    with host.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def rows(host: Host, query: str) -> list[tuple[Any, ...]]:
    with host.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def ask(host: Host, name: str = "depot") -> int:
    with system_session("test") as session:
        number = purge.request(host, session, name, "ann", "not needed").id
        session.commit()
    return number


def purge_now(host: Host, name: str = "depot") -> Path:
    number = ask(host, name)
    with system_session("test") as session:
        approvals.approve(session, number, by="bob")
        session.commit()
    return purge.carry_out(host, name, number)


def without_parcels(host: Host) -> None:
    purge_now(host, "parcels")


def test_report_tells_tables_rows_and_who_refers_to_them(host: Host) -> None:
    found = purge.impact(host, "depot")
    assert found.tables == {"depot_box": 2, "depot_item": 1}
    assert found.core_rows["core_parameter"] == 1, "depot_ext's is not its own"
    assert (found.core_rows["core_job"], found.core_rows["core_job_run"]) == (1, 1)
    assert found.references == ("parcels: parcels_parcel.box_id → depot_box",)
    assert "parcels" in found.refused


def test_refused_while_an_installed_schema_refers_to_it_even_a_disabled_ones(host: Host) -> None:
    host.disable("parcels", "ann", "test")
    with pytest.raises(purge.PurgeRefused, match="parcels_parcel"):
        ask(host)


def test_refused_while_an_enabled_plugin_requires_it(host: Host) -> None:
    migrations.downgrade(host.engine, "parcels")
    with pytest.raises(purge.PurgeRefused, match="required by parcels"):
        ask(host)


def test_nothing_is_left_and_the_neighbours_are_untouched(host: Host) -> None:
    without_parcels(host)
    file = purge_now(host)
    assert not [t for t in inspect(host.engine).get_table_names() if t in {"depot_box", "depot_item"}]
    assert "alembic_version_depot" not in inspect(host.engine).get_table_names()
    for table in tables_of(CORE):
        if "plugin" in table.c:
            assert rows(host, f"SELECT * FROM {table.name} WHERE plugin = 'depot'") == [], table.name
    assert rows(host, "SELECT name FROM core_parameter") == [("depot_ext.size",)]
    assert rows(host, "SELECT * FROM core_job_run") == []
    assert rows(host, "SELECT action FROM core_grant WHERE id > 90") == [("depot_ext.note.view",)]
    assert rows(host, "SELECT * FROM core_grant_organisation") == []
    assert rows(host, "SELECT text FROM depot_ext_note") == [("not yours",)]
    state = {p.name: p.state for p in host.plugins()}
    assert state == {"depot": "discovered", "depot_ext": "enabled", "parcels": "discovered"}
    assert file.stat().st_mode & 0o077 == 0, "only the owner may read customers' data"
    assert rows(host, "SELECT count(*) FROM core_audit WHERE action = 'plugin.purged'") == [(2,)]


def test_backup_brings_everything_back(host: Host) -> None:
    query = "SELECT id, label, value, label_norm FROM depot_box ORDER BY id"
    before = rows(host, query)
    without_parcels(host)
    file = purge_now(host)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        assert "箱" in lines.read()
    header = backup.restore(host.engine, file)
    host.refresh()
    counts = {"depot_box": 2, "depot_item": 1, "core_parameter": 1, "core_grant": 1, "core_grant_organisation": 1}
    assert header.tables == counts
    assert rows(host, query) == before
    settings = rows(host, "SELECT name, value FROM core_parameter ORDER BY name")
    assert settings == [("depot.size", "9"), ("depot_ext.size", "1")]
    assert rows(host, "SELECT action FROM core_grant WHERE id > 90") == [("depot_ext.note.view",)], (
        "grants are given anew, by people"
    )
    host.enable("depot", "ann", "back again")
    with pytest.raises(migrations.MigrationError, match="hold rows already"):
        backup.restore(host.engine, file)
    if host.engine.dialect.name == "postgresql":
        sql(host, "INSERT INTO depot_item (box_id) VALUES (1)")  # the sequence goes on after the last key
        assert rows(host, "SELECT max(id) FROM depot_item") == [(6,)]


def test_published_days_of_its_feeds_go_with_it(host: Host) -> None:
    without_parcels(host)
    moment = "'2026-01-01 00:00:00'"
    sql(
        host,
        "INSERT INTO core_load (id, source, table_name, business_date, feed, state, file, size, modified, sha256, "
        "rows_read, rows_loaded, rows_rejected, released, message, started_at) VALUES "
        f"(1, 's', 't', '2026-01-01', 'depot.box', 'published', 'f', 1, 1, '', 1, 1, 0, false, '', {moment}), "
        f"(2, 's', 'u', '2026-01-01', 'depot_ext.x', 'published', 'f', 1, 1, '', 1, 1, 0, false, '', {moment})",
        "INSERT INTO core_partition (id, feed, source, table_name, legal_entity, system, business_date, path, sha256, "
        "rows, load_id, published_at) VALUES "
        f"(1, 'depot.box', 's', 't', 'L', 'S', '2026-01-01', 'depot.box/1.parquet', '', 1, 1, {moment}), "
        f"(2, 'depot_ext.x', 's', 'u', 'L', 'S', '2026-01-01', 'depot_ext.x/2.parquet', '', 1, 2, {moment})",
        "INSERT INTO core_reject (id, load_id, line, reason, column_name, message) VALUES (1, 1, 1, 'r', '', '')",
    )
    mine, other = (host.config.warehouse / p for p in ("depot.box/1.parquet", "depot_ext.x/2.parquet"))
    for file in (mine, other):
        file.parent.mkdir(parents=True)
        file.touch()
    assert purge.impact(host, "depot").partitions == 1
    purge_now(host)
    assert (mine.exists(), other.exists()) == (False, True)
    for table in ("core_partition", "core_load"):
        assert rows(host, f"SELECT feed FROM {table}") == [("depot_ext.x",)]
    assert rows(host, "SELECT * FROM core_reject") == []


def test_not_carried_out_unless_approved(host: Host) -> None:
    without_parcels(host)
    number = ask(host)
    with pytest.raises(purge.PurgeRefused, match="is pending"):
        purge.carry_out(host, "depot", number)
    with pytest.raises(purge.PurgeRefused, match="not about purging depot_ext"):
        purge.carry_out(host, "depot_ext", number)
    assert rows(host, "SELECT count(*) FROM depot_box") == [(2,)]


def test_interrupted_purge_goes_on_with_the_same_request(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    without_parcels(host)
    number = ask(host)
    with system_session("test") as session:
        approvals.approve(session, number, by="bob")
        session.commit()
    with monkeypatch.context() as patch:
        patch.setattr(backup, "write", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(purge.PurgeRefused, match="disk full"):
            purge.carry_out(host, "depot", number)
    assert rows(host, "SELECT count(*) FROM depot_box") == [(2,)], "no backup, no purge"
    purge.carry_out(host, "depot", number)
    assert "depot_box" not in inspect(host.engine).get_table_names()
    with system_session("test") as session:
        assert approvals.get(session, number).state == "applied"


def test_plugin_may_refuse_to_go(host: Host, shelf: Path, start: Callable[..., Host], database_url: str) -> None:
    file = shelf / "depot_ext" / "plugin.py"
    farewell = "\n\n@hookimpl\ndef crm_uninstalling(session):\n    raise RuntimeError('tokens are still out')\n"
    file.write_text(file.read_text("utf-8") + farewell, "utf-8")
    host = start(tables=False, database_url=database_url)
    with host.app.app_context(), pytest.raises(purge.PurgeRefused, match="tokens are still out"):
        purge_now(host, "depot_ext")
    assert rows(host, "SELECT text FROM depot_ext_note") == [("not yours",)]


def test_running_job_is_waited_for(host: Host) -> None:
    without_parcels(host)
    sql(host, "UPDATE core_job_run SET state = 'running'")
    with pytest.raises(purge.PurgeRefused, match="a job of depot is running"):
        purge_now(host)


# -- the command line ------------------------------------------------------------------------------------------------


def test_command_asks_waits_and_carries_out(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without_parcels(host)
    monkeypatch.setenv("LOGNAME", "office-a")
    assert run("plugin", "purge", "depot").exit_code == 0
    assert run("plugin", "purge", "depot", "--by", "ann").exit_code == 2, "no reason given"
    asked = run("plugin", "purge", "depot", "--by", "ann", "--reason", "old", json_=True)
    assert asked.exit_code == 3
    number = str(asked.answer["request"])  # type: ignore[attr-defined]
    same = run("plugin", "purge", "depot", "--approve", number, "--by", "bob", json_=True)
    assert (same.exit_code, "cli:office-a" in same.answer["error"]) == (1, True)  # type: ignore[attr-defined]
    monkeypatch.setenv("LOGNAME", "office-b")
    with system_session("she may decide, but not about her own") as session:
        session.scalars(select(Role).where(Role.name == "of_ann")).one().kind = "security"
        ensure_role(session, "of_ann", "R", "security", [kinds.APPROVE.name])
        session.commit()
    own = run("plugin", "purge", "depot", "--approve", number, "--by", "ann", json_=True)
    assert own.exit_code == 1
    assert "own request" in own.answer["error"]  # type: ignore[attr-defined]
    for stranger in ("gone", "nobody"):
        assert run("plugin", "purge", "depot", "--approve", number, "--by", stranger).exit_code == 2
    done = run("plugin", "purge", "depot", "--approve", number, "--by", "bob", json_=True)
    assert done.exit_code == 0
    file = done.answer["backup"]  # type: ignore[attr-defined]
    assert "depot_box" not in inspect(host.engine).get_table_names()
    sql(host, "UPDATE core_role SET kind = 'system' WHERE name = 'of_ann'")
    back = run("plugin", "purge", "depot", "--restore", file, "--by", "ann")
    assert back.exit_code == 0
    assert rows(host, "SELECT count(*) FROM depot_box") == [(2,)]


def test_command_rejects_and_withdraws(host: Host, run: Run) -> None:
    without_parcels(host)
    number = str(ask(host))
    assert run("plugin", "purge", "depot", "--reject", number, "--by", "bob", json_=True).exit_code == 0
    again = str(ask(host))
    assert run("plugin", "purge", "depot", "--withdraw", again, "--by", "bob").exit_code == 1
    assert run("plugin", "purge", "depot", "--withdraw", again, "--by", "ann").exit_code == 0


def test_command_list_show_and_switch(host: Host, run: Run) -> None:
    found = run("plugin", "list", json_=True)
    assert [p["name"] for p in found.answer["plugins"]] == ["depot", "depot_ext", "parcels"]  # type: ignore[attr-defined]
    assert run("plugin", "show", "nothing").exit_code == 2
    shown = run("plugin", "show", "depot", json_=True).answer  # type: ignore[attr-defined]
    assert (shown["state"], shown["schema"]["condition"], shown["dependants"]) == ("enabled", "current", ["parcels"])
    refused = run("plugin", "disable", "depot", "--by", "ann", json_=True)
    assert (refused.exit_code, refused.answer["blocked_by"]) == (1, ["parcels"])  # type: ignore[attr-defined]
    off = run("plugin", "disable", "parcels", "--by", "ann", "--reason", "test", json_=True)
    assert (off.exit_code, off.answer["state"]) == (0, "disabled")  # type: ignore[attr-defined]
    assert run("plugin", "enable", "parcels").exit_code == 2, "somebody holds it, so somebody is named"
    assert run("plugin", "enable", "parcels", "--by", "nobody").exit_code == 2
    assert run("plugin", "enable", "parcels", "--by", "ann").exit_code == 0
    assert run("plugin", "frobnicate").exit_code == 2


@pytest.mark.parametrize(
    ("line", "person"),
    [
        (("enable", "parcels"), "carl"),
        (("disable", "parcels"), "bob"),
        (("purge", "depot", "--reason", "old"), "bob"),
        (("purge", "depot", "--approve", "1"), "ann"),
        (("purge", "depot", "--reject", "1"), "carl"),
        (("purge", "depot", "--withdraw", "1"), "carl"),
    ],
)
def test_commands_are_for_those_who_hold_the_action(host: Host, run: Run, line: tuple[str, ...], person: str) -> None:
    before = rows(host, "SELECT count(*) FROM core_audit"), host.plugins()
    refused = run("plugin", *line, "--by", person, json_=True)
    assert refused.exit_code == 1
    assert f"{person} may not do this" in refused.answer["error"]  # type: ignore[attr-defined]
    assert "None of your roles grants it." in refused.answer["error"]  # type: ignore[attr-defined]
    assert (rows(host, "SELECT count(*) FROM core_audit"), host.plugins()) == before


def test_audit_names_the_person_and_the_account(host: Host, run: Run) -> None:
    assert run("plugin", "disable", "parcels", "--by", " Ann ", "--reason", "test").exit_code == 0
    found = rows(host, "SELECT user_id, address FROM core_audit WHERE action = 'plugin.disabled' ORDER BY id")
    ((ann,),) = rows(host, "SELECT id FROM core_user WHERE username = 'ann'")
    assert found[-1] == (ann, f"cli:{getpass.getuser()}")
    assert rows(host, "SELECT changed_by FROM core_plugin WHERE name = 'parcels'") == [("ann",)]


def test_somebody_is_named_once_anybody_ever_held_it(host: Host, run: Run) -> None:
    """Neither the last holder's end nor that of all people, roles and grants opens the way in again."""
    line = ("plugin", "disable", "parcels", "--reason", "first day")
    for ends in ("UPDATE core_user SET active = false", "DELETE FROM core_user_role", "DELETE FROM core_grant"):
        sql(host, ends)
        assert run(*line).exit_code == 2, ends


def test_nobody_need_be_named_before_anybody_held_it(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.host.cli_kit.SWITCH", ("core.unheld",))
    assert run("plugin", "disable", "parcels", "--reason", "first day").exit_code == 0
    found = rows(host, "SELECT user_id, address FROM core_audit WHERE action = 'plugin.disabled' ORDER BY id")
    assert found[-1] == (None, f"cli:{getpass.getuser()}")


def test_command_migrate_reports_the_failing_one_and_goes_on(
    host: Host, run: Run, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = '"""More."""\nfrom alembic import op\nrevision = "{0}"\ndown_revision = "{1}"\n\n\n'
    body += "def upgrade():\n    {2}\n\n\ndef downgrade():\n    pass\n"
    bad = body.format("0004", "0003", 'op.execute("SELECT * FROM nowhere")')
    (shelf / "depot" / "migrations" / "versions" / "0004_more.py").write_text(bad, "utf-8")
    good = body.format("0002", "0001", 'op.execute("CREATE TABLE depot_ext_more (id INTEGER)")')
    (shelf / "depot_ext" / "migrations" / "versions" / "0002_more.py").write_text(good, "utf-8")
    monkeypatch.setattr("core.host.cli.CORE", "depot_ext")  # the core's own migrations are tested by themselves
    done = run("migrate", json_=True)
    assert done.exit_code == 1
    schemas = done.answer["schemas"]  # type: ignore[attr-defined]
    assert "nowhere" in schemas["depot"]["error"]
    assert "depot_ext_more" in inspect(host.engine).get_table_names()
    assert schemas["parcels"] == {"applied": []}
    assert {p.name: p.state for p in host.plugins()}["depot"] == "pending"


def test_command_tells_the_plan_and_does_nothing(host: Host, run: Run, shelf: Path) -> None:
    without_parcels(host)
    told = run("plugin", "enable", "parcels", "--plan", json_=True)
    assert told.answer["migrations"] == ["0001 Parcels."]  # type: ignore[attr-defined]
    assert "CREATE TABLE parcels_parcel" in told.answer["schema"]["sql"]  # type: ignore[attr-defined]
    assert "CREATE TABLE parcels_parcel" in run("plugin", "enable", "parcels", "--plan").stdout
    assert "parcels_parcel" not in inspect(host.engine).get_table_names()


def test_command_for_authors(host: Host, run: Run, tmp_path: Path) -> None:
    made = run("plugin", "new", "visits", "--folder", str(tmp_path), json_=True)
    assert made.exit_code == 0
    folder = made.answer["folder"]  # type: ignore[attr-defined]
    assert run("plugin", "new", "visits", "--folder", str(tmp_path)).exit_code == 2
    assert run("plugin", "new", "No!", "--folder", str(tmp_path)).exit_code == 2
    checked = run("plugin", "check", folder, json_=True)
    assert (checked.exit_code, checked.answer["findings"]) == (0, [])  # type: ignore[attr-defined]
    (Path(folder) / "plugin.toml").write_text("name = 1", "utf-8")
    broken = run("plugin", "check", folder, json_=True)
    assert broken.exit_code == 1
    assert broken.answer["findings"][0]["code"]  # type: ignore[attr-defined]
    assert run("plugin", "check", "nowhere").exit_code == 2
    agreed = run("plugin", "revision", "depot", "-m", "nothing", json_=True)
    assert (agreed.exit_code, "already agree" in agreed.answer["error"]) == (1, True)  # type: ignore[attr-defined]


# -- inside a request --------------------------------------------------------------------------------------------------


def test_migration_in_a_request_does_not_wait_for_the_requests_own_session(host: Host, shelf: Path) -> None:
    without_parcels(host)
    app = host.app
    with app.test_request_context("/", method="POST"):
        db.session.get(User, 1)  # on SQLite a POST has the write lock from here on
        migrations.upgrade(host.engine, "parcels")
        db.session.add(User(username="unsaved"))
        db.session.flush()
        if host.engine.dialect.name == "sqlite":
            with pytest.raises(migrations.MigrationError, match="unsaved changes"):
                migrations.downgrade(host.engine, "parcels")
        db.session.rollback()
    assert migrations.state(host.engine, "parcels").installed
