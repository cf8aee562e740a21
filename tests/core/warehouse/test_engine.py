"""The engine keeps to its limits, stays below its folder, and is not there before somebody asks."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.config import ConfigError, load
from core.warehouse import engine

SHELL = """
import sys
from core.app import create_app
app = create_app({"instance": sys.argv[1], "testing": True, "database_url": sys.argv[2]})
app.test_client().get("/")
with app.app_context():
    from core.warehouse import as_of, status
    as_of("customers.party"), status()
print(sorted({"duckdb", "pyarrow", "ibis", "sqlglot", "pandas", "numpy"} & sys.modules.keys()))
"""


@pytest.fixture
def limited(bank: Any, tmp_path: Path) -> Any:
    """A bank whose engine has little room."""
    spill = tmp_path / "elsewhere"
    given = {"warehouse_threads": 1, "warehouse_memory": "64MB", "warehouse_spill": str(spill)}
    bank.app.config["CRM"] = replace(bank.app.config["CRM"], **given)
    return bank


def setting(name: str) -> Any:
    return engine.run(f"SELECT current_setting('{name}')")[0][0]


def test_the_limits_come_from_the_configuration(limited: Any, tmp_path: Path) -> None:
    assert setting("threads") == 1 and setting("temp_directory") == str(tmp_path / "elsewhere")
    assert setting("memory_limit") == "61.0 MiB"  # 64 million bytes


def test_a_query_that_outgrows_its_memory_goes_on_in_the_temp_directory(limited: Any, tmp_path: Path) -> None:
    wide = "SELECT md5(i::VARCHAR) AS a, md5((i + 1)::VARCHAR) AS b FROM range(1000000) AS r(i)"
    assert engine.run(f"SELECT count(*) FROM (SELECT a, min(b) FROM ({wide}) GROUP BY a)") == [(1_000_000,)]
    assert (tmp_path / "elsewhere").is_dir()


def test_nothing_changes_the_limits_or_leaves_the_folder(bank: Any) -> None:
    for forbidden in ("SET memory_limit = '8GB'", "SET threads = 8", "SELECT * FROM read_text('/etc/hostname')"):
        with pytest.raises(engine.EngineFailed):
            engine.run(forbidden)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"warehouse_memory": "much"}, "CRM_WAREHOUSE_MEMORY"),
        ({"warehouse_threads": "0"}, "CRM_WAREHOUSE_THREADS"),
        ({"warehouse_spill": "near"}, "CRM_WAREHOUSE_SPILL"),
    ],
)
def test_limits_that_make_no_sense_are_refused_at_start(tmp_path: Path, values: Any, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load({"instance": tmp_path, **values}, environ={})


def test_it_is_loaded_by_the_first_question_and_not_before(database_url: str, tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", SHELL, str(tmp_path / "instance"), database_url]
    root = Path(__file__).resolve().parents[3]
    found = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=root, timeout=60)
    assert found.stdout.splitlines()[-1] == "[]"


TOGETHER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import conftest
from core.warehouse import query, warm
app = conftest.make_app(Path(sys.argv[1]), sys.argv[2])

def ask(number):
    with app.app_context():
        return [row["account_id"] for row in query("open.accounts", where={}, order_by=("account_id",)).rows]

with app.app_context():
    warm()
with ThreadPoolExecutor(6) as pool:
    print(list(pool.map(ask, range(6))) == [["A1", "A2", "A3"]] * 6)
"""


def test_many_may_ask_first_while_it_is_being_loaded(bank: Any, good: Any, days: Any) -> None:
    bank.deliver(days[0], good)
    bank.run()
    here, url = Path(__file__).resolve().parent, bank.app.config["CRM"].database_url
    arguments = [sys.executable, "-c", TOGETHER, str(bank.instance), url, str(here)]
    found = subprocess.run(arguments, capture_output=True, text=True, cwd=here.parents[2], timeout=60, check=False)
    assert found.stdout == "True\n", found.stderr
