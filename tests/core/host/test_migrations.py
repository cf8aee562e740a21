"""Schemas of several owners side by side in one database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, inspect, text

import plugins
from core.config import ROOT
from core.db.base import discard
from core.db.types import Money
from core.host import migrations
from core.host.schema import exclusive
from core.host.schema.models import Backfill, MigrationRun
from core.sdk.testing.recipes import engine_of

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "plugins"
pytestmark = pytest.mark.database("empty")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of plugins, copied so that a test can change their files."""
    place = tmp_path / "a 100% odd: shelf"
    shutil.copytree(FIXTURES / "schemas", place)
    shutil.copytree(FIXTURES / "halfway", place, dirs_exist_ok=True)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(place)])
    invalidate_caches()
    yield place
    for name in ("depot", "depot_ext", "parcels", "halfway"):
        discard(name)
        for module in [m for m in sys.modules if m.startswith(f"plugins.{name}")]:
            del sys.modules[module]
        plugins.__dict__.pop(name, None)


@pytest.fixture
def engine(database_url: str, shelf: Path) -> Iterator[Engine]:
    """An engine as the application has it: SQLite with foreign keys on. The core's notes on migrations are there."""
    engine = engine_of(database_url)
    for model in (MigrationRun, Backfill):
        model.__table__.create(engine)  # type: ignore[attr-defined]
    yield engine
    engine.dispose()


def versions(shelf: Path, name: str) -> Path:
    return shelf / name / "migrations" / "versions"


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


def everything(engine: Engine) -> dict[str, list[str]]:
    found = inspect(engine)
    return {t: sorted(f"{c['name']} {c['nullable']}" for c in found.get_columns(t)) for t in found.get_table_names()}


def test_up_down_and_up_again_gives_the_same_tables(engine: Engine) -> None:
    before = everything(engine)
    assert migrations.upgrade(engine, "depot") == ("0001", "0002", "0003")
    first = everything(engine)
    migrations.downgrade(engine, "depot")
    assert everything(engine) == before
    migrations.upgrade(engine, "depot")
    assert everything(engine) == first
    assert {"depot_box", "depot_item", "alembic_version_depot"} <= first.keys()


def test_state_follows_the_database(engine: Engine) -> None:
    found = migrations.state(engine, "depot")
    assert (found.condition, found.installed, found.current, found.head) == ("pending", False, None, "0003")
    assert [p[:4] for p in found.pending] == ["0001", "0002", "0003"]
    assert found.pending[0] == "0001 Boxes and items."
    migrations.upgrade(engine, "depot")
    found = migrations.state(engine, "depot")
    assert (found.condition, found.installed, found.pending) == ("current", True, ())
    assert migrations.upgrade(engine, "depot") == ()


def test_plugin_without_migrations_has_nothing_to_do(engine: Engine, shelf: Path) -> None:
    shutil.rmtree(shelf / "depot_ext" / "migrations")
    assert migrations.state(engine, "depot_ext").condition == "none"
    assert migrations.upgrade(engine, "depot_ext") == ()


def test_models_and_migrations_agree_and_a_difference_is_told(engine: Engine) -> None:
    import_module("plugins.depot.models")
    import_module("plugins.depot_ext.models")
    import_module("plugins.parcels.models")
    for name in ("depot", "depot_ext", "parcels"):
        migrations.upgrade(engine, name)
        assert migrations.drift(engine, name) == ()
    run(engine, "ALTER TABLE depot_ext_note ADD COLUMN stray INTEGER", "CREATE TABLE depot_ext_gone (id INTEGER)")
    assert migrations.drift(engine, "depot") == (), "the difference is another's, though its name begins alike"
    assert migrations.drift(engine, "depot_ext") == (
        "column depot_ext_note.stray: in the database only",
        "table depot_ext_gone: in the database only",
    )
    run(engine, "DROP TABLE parcels_parcel")
    assert "table parcels_parcel: in the model only" in migrations.drift(engine, "parcels")


def test_rebuild_keeps_the_children_other_plugins_have(engine: Engine, shelf: Path) -> None:
    later = versions(shelf, "depot") / "0002_longer_labels.py"
    (versions(shelf, "depot") / "0003_normal_labels.py").unlink()
    parked = later.rename(shelf / "parked.py")
    migrations.upgrade(engine, "depot")
    migrations.upgrade(engine, "parcels")
    run(engine, "INSERT INTO depot_box (id, label, value) VALUES (1, 'a', 125)", "INSERT INTO depot_item VALUES (1, 1)")
    run(engine, "INSERT INTO parcels_parcel (id, box_id) VALUES (7, 1)")
    parked.rename(later)
    assert migrations.upgrade(engine, "depot") == ("0002",)
    assert (count(engine, "parcels_parcel"), count(engine, "depot_item"), count(engine, "depot_box")) == (1, 1, 1)
    run(engine, "DELETE FROM depot_item", "DELETE FROM depot_box")
    assert count(engine, "parcels_parcel") == 0, "the cascade still works after the rebuild"


def test_failure_in_the_middle_leaves_nothing_and_mends(engine: Engine, shelf: Path) -> None:
    second = versions(shelf, "halfway") / "0002_extra.py"
    parked = second.rename(shelf / "parked.py")
    migrations.upgrade(engine, "halfway")
    run(engine, "INSERT INTO halfway_step (id, name) VALUES (1, 'kept')")
    parked.rename(second)
    before = everything(engine)
    with pytest.raises(migrations.MigrationError, match=r"revision 0002: .*halfway_no_such_table"):
        migrations.upgrade(engine, "halfway")
    assert everything(engine) == before
    assert count(engine, "halfway_step") == 1
    found = migrations.state(engine, "halfway")
    assert (found.condition, found.current) == ("pending", "0001")
    assert "halfway_no_such_table" in found.last_error
    migrations.upgrade(engine, "depot")  # the rest keeps working
    second.write_text("\n".join(x for x in second.read_text().splitlines() if "no_such" not in x), "utf-8")
    assert migrations.upgrade(engine, "halfway") == ("0002",)
    assert migrations.state(engine, "halfway").last_error == ""


def test_failure_of_the_first_of_several_takes_all_back(engine: Engine) -> None:
    before = everything(engine)
    with pytest.raises(migrations.MigrationError):
        migrations.upgrade(engine, "halfway")
    assert {t for t in everything(engine) if not t.startswith("core_")} == {t for t in before if t[:5] != "core_"}


def test_file_that_does_not_import_is_the_plugins_own_trouble(engine: Engine, shelf: Path) -> None:
    (versions(shelf, "depot_ext") / "0002_bad.py").write_text("this is not python", "utf-8")
    found = migrations.state(engine, "depot_ext")
    assert found.condition == "unreadable"
    assert "0002_bad.py" in found.reason
    with pytest.raises(migrations.MigrationError, match="0002_bad"):
        migrations.upgrade(engine, "depot_ext")
    assert migrations.upgrade(engine, "depot")


def test_two_last_revisions_are_refused(engine: Engine, shelf: Path) -> None:
    source = (versions(shelf, "halfway") / "0002_extra.py").read_text("utf-8")
    (versions(shelf, "halfway") / "0002_other.py").write_text(source.replace('"0002"', '"0002b"'), "utf-8")
    with pytest.raises(migrations.MigrationError, match="0002 and 0002b are both last"):
        migrations.upgrade(engine, "halfway")


def test_downgrade_leaves_the_other_plugin(engine: Engine) -> None:
    for name in ("depot", "depot_ext"):
        migrations.upgrade(engine, name)
    run(engine, "INSERT INTO depot_ext_note (id, text) VALUES (1, 'stays')")
    migrations.downgrade(engine, "depot")
    assert count(engine, "depot_ext_note") == 1
    assert migrations.state(engine, "depot_ext").condition == "current"
    assert not [t for t in everything(engine) if t in {"depot_box", "depot_item", "alembic_version_depot"}]


def test_downgrade_is_refused_while_another_schema_refers_to_it(engine: Engine, shelf: Path) -> None:
    for name in ("depot", "parcels"):
        migrations.upgrade(engine, name)
    run(engine, "INSERT INTO depot_box (id, label, label_norm) VALUES (1, 'a', 'A')")
    shutil.rmtree(shelf / "parcels")  # even when its package is gone
    with pytest.raises(migrations.StillReferenced, match=r"parcels: parcels_parcel\.box_id → depot_box") as caught:
        migrations.downgrade(engine, "depot")
    assert [r.owner for r in caught.value.references] == ["parcels"]
    assert count(engine, "depot_box") == 1


def test_removed_package_does_not_break_the_others(engine: Engine, shelf: Path) -> None:
    migrations.upgrade(engine, "depot_ext")
    shutil.rmtree(shelf / "depot_ext")
    assert migrations.upgrade(engine, "depot")
    found = migrations.state(engine, "depot_ext")
    assert (found.condition, found.current) == ("unreadable", "0001")
    assert "no plugin 'depot_ext' is installed" in found.reason


def test_schema_newer_than_the_code_is_told_apart(engine: Engine, shelf: Path) -> None:
    migrations.upgrade(engine, "depot")
    (versions(shelf, "depot") / "0003_normal_labels.py").unlink()
    found = migrations.state(engine, "depot")
    assert (found.condition, found.current, found.head, found.pending) == ("newer", "0003", "0002", ())
    with pytest.raises(migrations.SchemaNewer, match="newer code has been here"):
        migrations.upgrade(engine, "depot")
    assert "depot_box" in everything(engine)


def test_references_that_break_on_the_way_are_refused(engine: Engine, shelf: Path, database_kind: str) -> None:
    for name in ("depot", "parcels"):
        migrations.upgrade(engine, name)
    run(engine, "INSERT INTO depot_box (id, label, label_norm) VALUES (1, 'a', 'A')")
    run(engine, "INSERT INTO parcels_parcel (id, box_id) VALUES (7, 1)")
    body = '''"""Careless."""\nfrom alembic import op\nrevision = "0004"\ndown_revision = "0003"\n
def upgrade():
    op.execute("{}")\n
def downgrade():
    pass\n'''
    careless = "UPDATE parcels_parcel SET box_id = 2"
    (versions(shelf, "depot") / "0004_careless.py").write_text(body.format(careless), "utf-8")
    with pytest.raises(migrations.MigrationError, match="parcels_parcel"):
        migrations.upgrade(engine, "depot")
    assert migrations.state(engine, "depot").current == "0003"


def test_backfill_goes_on_where_it_was_interrupted(engine: Engine, shelf: Path) -> None:
    third = versions(shelf, "depot") / "0003_normal_labels.py"
    parked = third.rename(shelf / "parked.py")
    migrations.upgrade(engine, "depot")
    with engine.begin() as connection:
        rows = [{"id": n, "label": f"box {n}"} for n in range(1, 2501)]
        connection.execute(text("INSERT INTO depot_box (id, label) VALUES (:id, :label)"), rows)
    parked.rename(third)
    whole = third.read_text("utf-8")
    plug = "    assert not after, 'pulled the plug'\n    connection.execute("
    third.write_text(whole.replace("    connection.execute(", plug, 1), "utf-8")
    with pytest.raises(migrations.MigrationError, match="pulled the plug"):
        migrations.upgrade(engine, "depot")
    done = "depot_box WHERE label_norm IS NOT NULL"
    assert count(engine, done) == 1000, "the batch that was committed stays"
    run(engine, "UPDATE depot_box SET label_norm = 'mine' WHERE id = 1")
    third.write_text(whole, "utf-8")
    assert migrations.upgrade(engine, "depot") == ("0003",)
    assert count(engine, done) == 2500
    assert count(engine, "depot_box WHERE label_norm = 'mine'") == 1, "finished rows are not done again"
    assert count(engine, "core_backfill") == 0


def test_lock_keeps_a_second_migration_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with exclusive.transaction(engine), pytest.raises(exclusive.Busy), exclusive.transaction(engine, wait=1):
        raise AssertionError("two inside")


def test_two_processes_migrate_at_once_and_both_succeed(
    database_url: str, engine: Engine, shelf: Path, tmp_path: Path
) -> None:
    script = tmp_path / "migrate.py"
    script.write_text(
        "import sys, plugins\n"
        f"plugins.__path__.append({str(shelf)!r})\n"
        "from sqlalchemy import create_engine\n"
        "from core.host import migrations\n"
        "sys.stdin.readline()\n"
        "print(migrations.upgrade(create_engine(sys.argv[1]), 'depot'))\n",
        "utf-8",
    )
    line = [sys.executable, "-B", str(script), database_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(line, cwd=ROOT, text=True, env=env, **pipes) for _ in "ab"]
    said = [process.communicate("go\n", timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    applied = sorted("".join(out for out, _ in said).replace("(", "").replace(")", "").replace(",", "").split())
    assert applied == ["'0001'", "'0002'", "'0003'"], "each revision is applied once, by one or the other"
    assert migrations.state(engine, "depot").condition == "current"


def test_plan_tells_statements_rows_and_locks_and_changes_nothing(
    engine: Engine, shelf: Path, database_kind: str
) -> None:
    for name in ("0002_longer_labels.py", "0003_normal_labels.py"):
        (versions(shelf, "depot") / name).rename(shelf / name)
    migrations.upgrade(engine, "depot")
    migrations.upgrade(engine, "parcels")
    run(engine, "INSERT INTO depot_box (id, label) VALUES (1, 'a'), (2, 'b')")
    for name in ("0002_longer_labels.py", "0003_normal_labels.py"):
        (shelf / name).rename(versions(shelf, "depot") / name)
    before = everything(engine)
    plan = migrations.plan(engine, "depot")
    assert [r[:4] for r in plan.revisions] == ["0002", "0003"]
    assert "label_norm" in plan.sql
    assert "alembic" not in plan.sql.replace("_alembic_tmp_", "")
    assert [(t.table, t.rows) for t in plan.tables] == [("depot_box", 2)]
    wait = "all writers wait" if database_kind == "sqlite" else "readers and writers wait"
    assert plan.tables[0].lock == wait
    assert "in batches, before 0003" in plan.note
    assert everything(engine) == before


def test_plan_of_a_new_plugin_names_the_tables_it_makes_and_refers_to(engine: Engine, database_kind: str) -> None:
    migrations.upgrade(engine, "depot")
    plan = migrations.plan(engine, "parcels")
    found = {t.table: (t.rows, t.lock) for t in plan.tables}
    if database_kind == "postgresql":
        assert found == {"depot_box": (0, "writers wait"), "parcels_parcel": (None, "nobody waits")}
    else:
        assert found["parcels_parcel"][0] is None
    assert migrations.plan(engine, "depot") == migrations.SchemaPlan("depot", (), "", ())


def test_author_gets_the_next_file_from_the_models(engine: Engine, shelf: Path) -> None:
    models = import_module("plugins.depot.models")
    models.Box.__table__.append_column(Column("weight", Money(), nullable=True))
    file = migrations.revision("depot", "weights")
    assert file.name == "0004_weights.py"
    text = file.read_text("utf-8")
    assert 'sa.Numeric(precision=20, scale=2).with_variant(sa.BigInteger(), "sqlite")' in text
    assert "core." not in text, "a migration means the same after the code has changed"
    assert 'down_revision = "0003"' in text.replace("'", '"')
    migrations.upgrade(engine, "depot")
    assert migrations.drift(engine, "depot") == ()
    with pytest.raises(migrations.MigrationError, match="already agree"):
        migrations.revision("depot", "nothing")


def test_plan_says_when_statements_cannot_be_told(engine: Engine, shelf: Path) -> None:
    body = '''"""Reads."""\nfrom alembic import op\nrevision = "0002"\ndown_revision = "0001"\n
def upgrade():
    assert op.get_bind().exec_driver_sql("SELECT count(*) FROM depot_ext_note").scalar() > 0\n
def downgrade():
    pass\n'''
    migrations.upgrade(engine, "depot_ext")
    (versions(shelf, "depot_ext") / "0002_reads.py").write_text(body, "utf-8")
    plan = migrations.plan(engine, "depot_ext")
    assert (plan.sql, plan.revisions) == ("", ("0002 Reads.",))
    assert "cannot be told beforehand" in plan.note
    run(engine, "INSERT INTO depot_ext_note (id, text) VALUES (1, 'x')")
    assert migrations.upgrade(engine, "depot_ext") == ("0002",)


def test_nobodys_schema(engine: Engine) -> None:
    with pytest.raises(migrations.MigrationError, match="no plugin 'nobody' is installed"):
        migrations.upgrade(engine, "nobody")
    migrations.downgrade(engine, "depot")  # nothing to take back


def test_upgrade_to_one_revision_and_on(engine: Engine) -> None:
    assert migrations.upgrade(engine, "depot", "0002") == ("0001", "0002")
    assert migrations.upgrade(engine, "depot", "0001") == ()
    assert migrations.upgrade(engine, "depot") == ("0003",)


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_migration_gives_up_on_a_table_in_use_rather_than_stall_every_page(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.upgrade(engine, "depot", "0001")
    monkeypatch.setattr(exclusive, "TABLE_WAIT", 1)
    with engine.connect() as reader:
        reader.execute(text("SELECT * FROM depot_box"))  # a long report: its lock stays until its transaction ends
        with pytest.raises(migrations.MigrationError, match="lock timeout"):
            migrations.upgrade(engine, "depot")
        reader.rollback()
    assert migrations.state(engine, "depot").current == "0001"
    assert "lock timeout" in migrations.state(engine, "depot").last_error
    assert migrations.upgrade(engine, "depot") == ("0002", "0003")
