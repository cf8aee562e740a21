"""Two banks nobody here wrote, loaded by their shipped descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core.db.session import system_session
from core.warehouse import engine
from core.warehouse.batch import run
from core.warehouse.descriptions import add, problems_of
from core.warehouse.models import Load, Partition, RejectedLine
from core.warehouse.source_file import read

SOURCES = Path(__file__).resolve().parents[3] / "docs" / "sources"
ROWS = {
    "berka": {"party": 5369, "account": 4500, "account_party": 5369, "transaction": 49101, "loan": 682, "card": 892,
              "standing_order": 6471},
    "eagle_bank": {"party": 5369, "account": 4500, "account_party": 5369, "loan": 682, "card": 892,
                   "standing_order": 6471},
}  # fmt: skip


@pytest.fixture
def data(real_data: Path | None) -> Path:
    if real_data is None:
        pytest.skip("the public data sets are not here; set CRM_TEST_DATA")
    return real_data


@pytest.mark.parametrize("bank_name", ROWS)
def test_a_public_bank_loads_completely(bank: Any, data: Path, bank_name: str) -> None:
    target = add(SOURCES / f"{bank_name}.toml", bank.instance / "sources", data / bank_name)
    described = read(target)
    assert problems_of(described) == []
    report = run([described])
    assert report.exit_code == 0 and report.waiting == []
    with system_session("test") as session:
        found = {f.removeprefix("customers."): n for f, n in session.execute(select(Partition.feed, Partition.rows))}
        refused = session.scalar(select(func.count()).select_from(RejectedLine))
        totals = session.execute(select(func.sum(Load.rows_read), func.sum(Load.rows_loaded))).one()
    assert found == ROWS[bank_name]
    # Every line of these files is good, and every reference leads somewhere.
    assert refused == 0 and totals[0] == totals[1] == sum(found.values())


def test_what_berka_says_about_its_customers(bank: Any, data: Path) -> None:
    run([read(add(SOURCES / "berka.toml", bank.instance / "sources", data / "berka"))])
    with system_session("test") as session:
        paths = {
            p.feed.removeprefix("customers."): str(engine.folder() / p.path) for p in session.scalars(select(Partition))
        }
    party = engine.run("select gender, count(*), min(birth_date)::varchar, max(birth_date)::varchar, count(name) "
                       "from read_parquet($f) group by 1 order by 1", {"f": [paths["party"]]})  # fmt: skip
    assert [row[0] for row in party] == ["F", "M"] and sum(row[1] for row in party) == 5369
    assert min(row[2] for row in party) == "1911-08-20" and max(row[3] for row in party) == "1987-09-27"
    assert sum(row[4] for row in party) == 0
    first = engine.run(
        "select gender, birth_date::varchar from read_parquet($f) where source_cust_id = '1'", {"f": [paths["party"]]}
    )
    assert first == [("F", "1970-12-13")]
    txn = engine.run(
        "select direction, count(*) from read_parquet($f) group by 1 order by 1", {"f": [paths["transaction"]]}
    )
    assert txn == [("C", 22993), ("D", 26108)]
