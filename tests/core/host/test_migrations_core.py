"""The core's own migrations make what the core's models say, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

import core.app  # noqa: F401  # every area with its models
from core.config import ROOT
from core.db.base import CORE, tables_of
from core.host import migrations
from core.sdk.testing.recipes import engine_of

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = engine_of(database_url)
    yield engine
    engine.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_up_down_and_up_again_without_drift(engine: Engine) -> None:
    assert migrations.upgrade(engine, CORE)[0] == "0001"
    assert migrations.drift(engine, CORE) == ()
    first = tables(engine)
    assert first == {t.name for t in tables_of(CORE)} | {"alembic_version_core"}
    migrations.downgrade(engine, CORE)
    assert tables(engine) == set()
    migrations.upgrade(engine, CORE)
    assert tables(engine) == first
    assert migrations.state(engine, CORE).condition == "current"


def test_append_only_tables_are_so_after_a_migration(engine: Engine) -> None:
    migrations.upgrade(engine, CORE)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO core_audit (at, action, reason) VALUES ('2026-01-01 00:00:00', 'x', '')"))
    with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(text("DELETE FROM core_audit"))


def test_every_model_module_is_loaded_by_the_app() -> None:
    """A model nobody imports would be missing from migrations without anybody noticing."""
    files = sorted(ROOT.glob("core/**/models.py"))
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files if "sdk" not in file.parts]
    code = f"import sys, core.app; sys.exit(', '.join(m for m in {modules!r} if m not in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
