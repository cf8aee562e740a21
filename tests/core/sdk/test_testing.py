"""The kit of plugin authors: databases of one's own, one server for all, nothing skipped in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from playwright.sync_api import Page
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from core.host import scaffold
from core.sdk.testing import postgres, skips
from core.sdk.testing.apart import apart
from core.sdk.testing.databases import RUN

ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, test: str, *, code: int = 0, words: tuple[str, ...] = (), **variables: str) -> str:
    """Output of a test run of its own over one file with that text."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pytest.ini").write_text("[pytest]\n") if not (folder / "pytest.ini").exists() else None
    (folder / "test_it.py").write_text(test)
    kit = [] if entry_points(group="pytest11", name="jinqiao") else ["-p", "core.sdk.testing"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *kit, *words]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own(unsafe_session: Session, turn: int) -> None:
    """Both turns write the same row; the second would clash in a shared database."""
    assert unsafe_session.execute(text("SELECT count(*) FROM core_user")).scalar() == 0
    columns = "username, active, must_change_password, created_at"
    unsafe_session.execute(
        text(f"INSERT INTO core_user ({columns}) VALUES ('one', true, false, '2026-11-23 00:00:00')")
    )
    unsafe_session.commit()


@pytest.mark.database("empty")
def test_an_empty_database_has_no_tables(unsafe_session: Session) -> None:
    assert inspect(unsafe_session.get_bind()).get_table_names() == []


def test_both_kinds_of_database_are_real(database_kind: str, unsafe_session: Session) -> None:
    assert unsafe_session.get_bind().dialect.name == database_kind


def test_foreign_keys_hold_on_both(unsafe_session: Session) -> None:
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError):
        unsafe_session.execute(text("INSERT INTO core_user_role (user_id, role_id) VALUES (99, 99)"))


def test_what_is_missing_fails_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(skips.VARIABLE, raising=False)
    with pytest.raises(pytest.fail.Exception, match=r"PostgreSQL is missing.*apt-get install -y postgresql"):
        skips.need("PostgreSQL", found=False, install=postgres.INSTALL)


def test_what_is_left_out_on_request_is_said_in_the_last_line(tmp_path: Path) -> None:
    said = run(tmp_path / "a", "def test_it(database_url):\n    assert database_url\n", CRM_TEST_SKIP="postgresql")
    assert said.strip().splitlines()[-1] == "CRM_TEST_SKIP=postgresql: 1 tests were left out"
    assert "1 passed, 1 skipped" in said


def test_nothing_is_said_when_nothing_is_left_out(tmp_path: Path) -> None:
    assert "left out" not in run(tmp_path / "a", "def test_it():\n    pass\n", CRM_TEST_SKIP="")


def test_a_run_of_its_own_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its server ends with it, and so do its folders."""
    # Not below pytest's own folder: every other run of pytest closes that to PostgreSQL's user.
    temporary = Path(tempfile.mkdtemp())
    temporary.chmod(0o711)
    test = """
from pathlib import Path
import os
def test_it(database_url, unsafe_session):
    Path(os.environ["SEEN"]).write_text(os.environ["CRM_TEST_RUN"])
"""
    variables = {name: value for name, value in os.environ.items() if name == RUN}
    os.environ.pop(RUN, None)
    try:
        run(tmp_path / "a", test, TMPDIR=str(temporary), SEEN=str(tmp_path / "seen"))
    finally:
        os.environ.update(variables)
    folder = Path((tmp_path / "seen").read_text().rpartition(":")[0])
    assert folder.parent == temporary
    deadline = 100
    while deadline and any(temporary.glob("crm-test-*")):
        deadline -= 1
        subprocess.run(["sleep", "0.1"], check=True)
    assert list(temporary.glob("crm-test-*")) == []
    shutil.rmtree(temporary)


def test_a_child_tells_what_it_made() -> None:
    assert apart(lambda: {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(("work", "said"), [(lambda: 1 / 0, "ZeroDivisionError"), (lambda: os._exit(3), "died")])
def test_a_child_that_fails_fails_the_test(work: object, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        apart(work)  # type: ignore[arg-type]


BROKEN = [
    ("models.py", "    closed: ", "    more: Mapped[int]\n    closed: ", "test_migrations_go_up_down_up"),
    (
        "migrations/versions/0001_notes.py",
        '    op.drop_table("duties_note")',
        "    return",
        "test_migrations_go_up_down_up",
    ),
    ("menus.py", '"duties.list"', '"".join(["li", "st"])', "test_names_begin_with_its_own"),
    ("permissions.py", '"View notes"', '"View " + "all that"', "test_labels_are_there_in_chinese"),
    ("permissions.py", '"View notes"', '" ".join([])', "test_actions_have_labels"),
    (
        "plugin.py",
        '    """Menu lines."""',
        "    from core.sdk.testing.recipes import engine_of\n    "
        'engine_of("sqlite://").connect().exec_driver_sql("select 1")',
        "test_registers_without_a_database",
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "test"), BROKEN, ids=[f"{b[3]}-{i}" for i, b in enumerate(BROKEN)])
def test_the_contract_suite_finds_what_is_wrong(tmp_path: Path, file: str, old: str, new: str, test: str) -> None:
    """Each of these passes the eye; the suite must not let it pass."""
    folder = scaffold.create("duties", tmp_path, "Duties")
    text_ = (folder / file).read_text("utf-8")
    assert old in text_
    (folder / file).write_text(text_.replace(old, new, 1), "utf-8")
    suite = "from core.sdk.testing import PluginContract\nclass TestIt(PluginContract):\n    plugin = 'duties'\n"
    said = run(folder, suite, code=1, words=("test_it.py", "-k", test, "--no-header"), CRM_TEST_SKIP="postgresql")
    assert f"FAILED test_it.py::TestIt::{test}" in said


@pytest.mark.browser
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_real_browser_sees_the_sign_in_page(page: Page) -> None:
    page.goto("/")
    assert page.locator("input[type=password]").count() == 1
    assert page.locator("html").get_attribute("lang") == "zh-CN"
