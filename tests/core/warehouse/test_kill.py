"""A real process is killed at every failpoint; yesterday stays served, and the next run ends as if nothing had been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.db.session import system_session
from core.warehouse import engine
from core.warehouse.batch import BatchBusy, _alone
from core.warehouse.failpoints import NAMES
from core.warehouse.models import Load, Partition, RejectedLine

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[3])
import conftest
app = conftest.make_app(Path(sys.argv[1]))
with app.app_context():
    bank = conftest.Bank(app, Path(sys.argv[1]))
    sys.exit(bank.run().exit_code)
"""


def run_child(instance: Path, failpoint: str = "") -> int:
    here = Path(__file__).resolve()
    arguments = [sys.executable, "-c", CHILD, str(instance), str(here.parents[3]), str(here.parent)]
    return subprocess.run(
        arguments, env={**os.environ, "CRM_FAILPOINT": failpoint}, check=False, timeout=120
    ).returncode


def served(bank: Any) -> dict[tuple[str, str], str]:
    """What readers get: content hash by table and day; every listed file is there and has that content."""
    from core.warehouse.reading import digests

    with system_session("test") as session:
        found = {(p.table_name, str(p.business_date)): (p.path, p.sha256) for p in session.scalars(select(Partition))}
    assert all(digests(engine.folder() / path)[0] == sha256 for path, sha256 in found.values())
    return {key: sha256 for key, (_, sha256) in found.items()}


def left_behind(bank: Any) -> list[str]:
    """Files of the warehouse that nothing lists."""
    with system_session("test") as session:
        listed = set(session.scalars(select(Partition.path)))
    folder = engine.folder()
    files = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"]
    return [name for name in files if name not in listed]


@pytest.mark.parametrize("failpoint", NAMES)
def test_a_kill_leaves_yesterday_and_the_next_run_completes(bank: Any, good: Any, days: Any, failpoint: str) -> None:
    bank.deliver(days[0], good)
    assert bank.run().exit_code == 0
    yesterday = served(bank)
    bank.deliver(days[1], {**good, "account": [*good["account"], "A4|$|x"], "txn": ["T4|$|A1|$|20260930|$|C|$|5|$|"]})
    assert run_child(bank.instance, failpoint) == -signal.SIGKILL
    after = served(bank)
    assert after == yesterday or (failpoint == "committed" and len(after) == 8)
    assert bank.run().exit_code == 0
    assert len(served(bank)) == 8 and left_behind(bank) == []
    with system_session("test") as session:
        assert {load.state for load in session.scalars(select(Load))} == {"published"}
        assert [r.reason for r in session.scalars(select(RejectedLine))] == ["bad_number"]


def test_a_killed_load_ends_with_the_same_bytes(bank: Any, good: Any, days: Any, tmp_path_factory: Any) -> None:
    bank.deliver(days[0], good)
    assert run_child(bank.instance, "renamed") == -signal.SIGKILL
    assert run_child(bank.instance) == 0
    once = served(bank)
    with system_session("test") as session:
        for model in (Partition, RejectedLine, Load):
            for row in session.scalars(select(model)):
                session.delete(row)
            session.flush()
        session.commit()
    assert bank.run().exit_code == 0
    assert served(bank) == once


def test_failpoints_are_deaf_outside_tests_and_training(bank: Any, good: Any, days: Any, monkeypatch: Any) -> None:
    from dataclasses import replace

    monkeypatch.setenv("CRM_FAILPOINT", "staged")
    bank.app.config["CRM"] = replace(bank.app.config["CRM"], testing=False, training=False)
    bank.deliver(days[0], good)
    assert bank.run().exit_code == 0


def test_only_one_batch_at_a_time(bank: Any) -> None:
    with _alone(), pytest.raises(BatchBusy):
        bank.run()
    assert bank.run().exit_code == 0
