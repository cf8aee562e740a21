"""What is to be believed of a file: its number of rows, and its charset."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from core.contract import Feed
from core.warehouse.arrival import Delivery, LoadHeld
from core.warehouse.charsets import LOOKED_AT, seems
from core.warehouse.judge import Before, weigh
from core.warehouse.sources import Source, Table
from core.warehouse.staging import Staged

DAY = date(2026, 9, 29)


def staged(rows: int, mode: str, limit: str | None) -> Staged:
    table = Table("party", "x.party", "party.del", mode, (), max_shrink=limit and Decimal(limit))  # type: ignore[arg-type]
    delivery = Delivery(Source("core", "Core", "01", "in", (table,)), table, DAY, Path("party.del"), None)
    feed = Feed("x.party", "Party", (), (), table.mode)
    return Staged(delivery, feed, Path("rows.parquet"), "", "", rows, rows, frozenset())


@pytest.mark.parametrize(("rows", "limit", "held"), [
    (80, None, False), (79, None, True), (100, None, False), (500, None, False), (0, None, True),
    (79, "0.21", False), (78, "0.21", True), (99, "0", True), (1, "1", False), (0, "1", True),
])  # fmt: skip
def test_how_far_a_full_file_may_shrink(rows: int, limit: str | None, held: bool) -> None:
    weigh(staged(rows, "incremental", limit), Before(DAY, 100))
    weigh(staged(rows, "full", limit), None)
    if held:
        with pytest.raises(LoadHeld, match="全量文件"):
            weigh(staged(rows, "full", limit), Before(DAY, 100))
    else:
        weigh(staged(rows, "full", limit), Before(DAY, 100))


CHINESE = "".join(f"{number}|欧阳东方、张三（上海）·—“x”|\n" for number in range(100))
SEEMS = [
    ("utf-8", "gb18030", "utf-8"), ("utf-8", "gbk", "utf-8"), ("gb18030", "utf-8", "gb18030"),
    ("utf-8", "ascii", "utf-8"), ("gb18030", "ascii", "gb18030"), ("utf-8-sig", "gb18030", "utf-8-sig"),
    ("utf-8-sig", "utf-8", "utf-8-sig"), ("utf-16", "gb18030", "utf-16"), ("gb18030", "gb18030", None),
    ("utf-8", "utf-8", None), ("utf-8-sig", "utf-8-sig", None), ("gbk", "gb18030", None), ("big5", "big5", None),
]  # fmt: skip


@pytest.mark.parametrize(("written", "declared", "expected"), SEEMS)
def test_the_charset_a_file_seems_to_be_in(tmp_path: Path, written: str, declared: str, expected: str | None) -> None:
    text = CHINESE.replace("欧阳东方、张三（上海）·—“x”", "歐陽東方") if written == "big5" else CHINESE
    if written == "gbk":
        text = CHINESE.replace("·", "")
    path = tmp_path / "party.del"
    path.write_bytes(text.encode(written))
    assert seems(path, declared) == expected


def test_chinese_in_the_last_of_many_lines_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "txn.del"
    path.write_bytes(b"1|plain|\n" * (2 * LOOKED_AT) + "2|欧阳东方|\n".encode())
    assert seems(path, "gb18030") == "utf-8"


@pytest.mark.parametrize("charset", ["gb18030", "utf-8"])
def test_dirt_and_short_names_do_not_make_it_another(tmp_path: Path, charset: str) -> None:
    path = tmp_path / "party.del"
    path.write_bytes("1|联通|\n2|瑷珲|\n3|x|\n".encode(charset) + b"4|\xff\xff|\n")
    assert seems(path, charset) is None
    path.write_bytes(b"1|plain|\n")
    assert seems(path, charset) is None
    path.write_bytes(b"")
    assert seems(path, charset) is None
