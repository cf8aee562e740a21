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
from core.warehouse.models import Partition
from core.warehouse.reading import digests

CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
sys.path.insert(0, sys.argv[3])
import conftest
app = conftest.make_app(Path(sys.argv[1]), sys.argv[4])
with app.app_context():
    bank = conftest.Bank(app, Path(sys.argv[1]))
    sys.exit(bank.run().exit_code)
"""


def run_child(bank: Any, failpoint: str = "") -> int:
    here, url = Path(__file__).resolve(), bank.app.config["CRM"].database_url
    arguments = [sys.executable, "-c", CHILD, str(bank.instance), str(here.parents[3]), str(here.parent), url]
    return subprocess.run(
        arguments, env={**os.environ, "CRM_FAILPOINT": failpoint}, check=False, timeout=120
    ).returncode


def served() -> dict[tuple[str, str], str]:
    """What readers get: content hash by table and day; every listed file is there and has that content."""
    with system_session("test") as session:
        found = {(p.table_name, str(p.business_date)): (p.path, p.sha256) for p in session.scalars(select(Partition))}
    assert all(digests(engine.folder() / path)[0] == sha256 for path, sha256 in found.values())
    return {key: sha256 for key, (_, sha256) in found.items()}


@pytest.mark.parametrize("failpoint", NAMES)
def test_a_kill_leaves_yesterday_and_the_next_run_ends_as_if_nothing_had_been(
    bank: Any, good: Any, days: Any, failpoint: str, published_state: Any, wipe: Any
) -> None:
    bank.deliver(days[0], good)
    assert bank.run().exit_code == 0
    yesterday = served()
    bank.deliver(days[1], {**good, "account": [*good["account"], "A4|$|x"], "txn": ["T4|$|A1|$|20260930|$|C|$|5|$|"]})
    assert run_child(bank, failpoint) == -signal.SIGKILL
    after = served()
    assert after == yesterday or (failpoint == "committed" and len(after) == 8)
    assert bank.run().exit_code == 0
    disturbed = published_state()
    wipe()
    assert bank.run().exit_code == 0
    assert published_state() == disturbed and len(served()) == 8


def test_a_kill_while_a_file_is_held_leaves_it_held(bank: Any, good: Any, days: Any) -> None:
    bank.deliver(days[0], good)
    bank.deliver(days[1], {**good, "account": [], "link": [], "txn": []})
    assert bank.run().exit_code == 3
    bank.deliver(days[1], {"party": [*good["party"], "0004|$|P|$|x|$||$|"]})
    assert run_child(bank, "rows_read") == -signal.SIGKILL
    report = bank.run()
    assert bank.states(report) == {"account": "held", "party": "published", "link": "held"}


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
