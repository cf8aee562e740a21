"""The sample bank's files through the warehouse: what is refused is exactly the dirt, line by line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.db.session import system_session
from core.warehouse.batch import run
from core.warehouse.descriptions import add
from core.warehouse.models import Load, RejectedLine
from core.warehouse.source_file import read

DESCRIPTION = Path(__file__).resolve().parents[3] / "docs" / "sources" / "samplebank_core.toml"


def test_exactly_the_dirt_is_refused(bank: Any) -> None:
    from plugins.samplebank.bank import write

    out = bank.instance / "deliveries"
    written = write(out, 500, 2, 3)
    source = read(add(DESCRIPTION, bank.instance / "sources", out / "{date}"))
    report = run([source])
    assert report.exit_code == 0 and report.waiting == [] and len(report.loads) == 21
    files = {table.name: table.file.removesuffix(".del") for table in source.tables}
    expected = Counter({(f.day, f.file, reason): n for f in written for reason, n in f.refused.items()})
    found: Counter[Any] = Counter()
    with system_session("test") as session:
        statement = select(Load.business_date, Load.table_name, RejectedLine.reason)
        for day, table, reason in session.execute(statement.join(Load, Load.id == RejectedLine.load_id)):
            found[(day, files[table], reason)] += 1
    assert found == expected and sum(expected.values()) > 20
    read_rows = {(f.day, f.file): f.rows for f in written}
    assert {(o.date, files[o.table]): o.read for o in report.loads} == read_rows
