"""What a start costs: nothing is imported that a page does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.host.schema.line import head_of

ROOT = Path(__file__).resolve().parents[3]
HEAVY = (
    "alembic",
    "apscheduler.schedulers",
    "babel.messages.extract",
    "duckdb",
    "ibis",
    "mako",
    "numpy",
    "pyarrow",
    "pygments",
)


def run(code: str, instance: Path) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "CRM_INSTANCE": str(instance)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def test_a_worker_with_current_schemas_starts_without_the_tools_of_migrations_jobs_and_figures(tmp_path: Path) -> None:
    run("import sys; from core.cli import main; sys.argv[1:] = ['migrate']; main()", tmp_path)
    states = "{p.name: p.state for p in app.extensions['crm.host'].plugins()}"
    loaded = f"[name for name in {HEAVY!r} if name in sys.modules]"
    code = f"import sys; from core.app import create_app; app = create_app(); print({states}['customers'], {loaded})"
    assert run(code, tmp_path) == "enabled []"


def test_the_command_of_the_server_starts_without_the_application(tmp_path: Path) -> None:
    code = "import sys, core.cli; print([m for m in ('sqlalchemy', 'core.app', 'core.host') if m in sys.modules])"
    assert run(code, tmp_path) == "[]"


def write(folder: Path, *revisions: tuple[str, str]) -> Path:
    for number, (revision, before) in enumerate(revisions):
        (folder / f"{number}.py").write_text(f'"""A step."""\nrevision: str = {revision}\ndown_revision = {before}\n')
    return folder


@pytest.mark.parametrize(
    ("revisions", "head"),
    [
        ((), ""),
        ((("'0001'", "None"),), "0001"),
        ((("'0002'", "'0001'"), ("'0001'", "None")), "0002"),
        ((("'0001'", "None"), ("'0002'", "'0001'"), ("'0003'", "'0001'")), None),  # two are last
        ((("'0002'", "'0001'"),), None),  # its predecessor is not there
        ((("'0001'", "None"), ("'0001'", "None")), None),  # twice
        ((("name()", "None"),), None),
        ((("'0001'", "('a', 'b')"),), None),
        ((("'0001'", "("),), None),  # no Python
    ],
)
def test_the_last_revision_is_read_from_plain_files_only(
    tmp_path: Path, revisions: tuple[tuple[str, str], ...], head: str | None
) -> None:
    assert head_of(write(tmp_path, *revisions)) == head
