"""Decode, then split, then type: without guessing and without shifting."""

from __future__ import annotations

import gzip
import io
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract import Column, Feed
from core.warehouse.arrival import LoadFailed
from core.warehouse.convert import Refused, converters, parse_date
from core.warehouse.reading import LONGEST, raw_lines, splitter
from core.warehouse.rows import Accepted, Refusal, read
from core.warehouse.sources import Rule, SourceError, Table


def table(**kw: Any) -> Table:
    return Table(**{"name": "t", "feed": "x.t", "file": "t", "mode": "full", "columns": (), "delimiter": "|", **kw})


def feed(*columns: Column) -> Feed:
    return Feed("x.t", "T", columns, (columns[0].name,), "full")


def one(kind: Any, text: str, **rule: Any) -> Any:
    made = converters(table(columns=(Rule("v", ("v",), **rule),)), feed(Column("v", kind, "V", True)), ["v"])
    return made[0]([text])


def test_all_characters_whose_second_byte_is_the_delimiter() -> None:
    risky = [c for c in map(chr, range(0x4E00, 0x9FA6)) if len(b := c.encode("gb18030")) == 2 and b[1] == 0x7C]
    assert len(risky) == 116
    text = "|".join(risky)
    assert splitter(table())(text.encode("gb18030")) == risky


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r|", blacklist_categories=["Cs", "Co"])), min_size=1))
def test_whatever_is_written_comes_back(fields: list[str]) -> None:
    assert splitter(table())("|".join(fields).encode("gb18030")) == fields


@given(st.lists(st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs", "Co"])), min_size=2))
def test_quotes_protect_the_delimiter(fields: list[str]) -> None:
    line = ",".join('"' + f.replace('"', '""') + '"' for f in fields)
    assert splitter(table(delimiter=",", quote='"', charset="utf-8"))(line.encode()) == fields


@given(st.binary(max_size=40))
def test_any_bytes_are_split_or_refused(raw: bytes) -> None:
    raw = raw.replace(b"\n", b"")
    try:
        fields = splitter(table())(raw)
    except Refused as refused:
        assert refused.reason == "undecodable"  # noqa: PT017
    else:
        assert "|".join(fields).count("|") == len(fields) - 1


def test_four_byte_characters_and_the_2022_edition() -> None:
    split = splitter(table())
    assert split(bytes.fromhex("9933C336")) == ["𬱖"]
    assert split(b"\xa1\xa4") == ["·"]
    assert split(bytes.fromhex("FE59")) == ["\u9fb4"]


def test_quotes_that_do_not_match_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        splitter(table(delimiter=",", quote='"'))(b'1,"open')
    assert caught.value.reason == "bad_quotes"


def test_a_record_end_of_its_own() -> None:
    split = splitter(table(delimiter="|+|", record_end="|-|\n"))
    assert split("东|+|榺|-|".encode("gb18030")) == ["东", "榺"]
    with pytest.raises(Refused, match="does not end"):
        split(b"1|+|2")


def test_fixed_widths_count_bytes() -> None:
    split = splitter(table(widths=(4, 6)))
    assert split("0012张三  ".encode("gb18030")) == ["0012", "张三  "]
    for raw in (b"0012", "001张三   ".encode("gb18030")):
        with pytest.raises(Refused):
            split(raw)


def test_lines_end_in_any_usual_way_and_a_huge_one_is_skipped() -> None:
    assert list(raw_lines(io.BytesIO(b"a\r\nb\n\nc"))) == [(1, b"a"), (2, b"b"), (3, b""), (4, b"c")]
    huge = b"x" * (LONGEST * 2 + 5)
    found = list(raw_lines(io.BytesIO(b"a\n" + huge + b"\nb\n")))
    assert [(n, len(r)) for n, r in found] == [(1, 1), (2, LONGEST), (3, 1)]
    with pytest.raises(Refused, match="longer than"):
        splitter(table())(found[1][1])


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", " 00123 ", "00123"), ("text", "\u3000", None), ("money", "12.5", Decimal("12.50")),
        ("money", "-0.01", Decimal("-0.01")), ("money", "+1", Decimal(1)), ("money", "1.100", Decimal("1.1")),
        ("money", ".5", Decimal("0.5")), ("money", "9999999999999999.99", Decimal("9999999999999999.99")),
        ("rate", "0.0350000", Decimal("0.035")), ("int", "007", 7), ("decimal", "0.0000000001", Decimal("1e-10")),
        ("date", "20260131", date(2026, 1, 31)), ("date", "2026-01-31", date(2026, 1, 31)), ("date", "", None),
    ],
)  # fmt: skip
def test_values_are_typed(kind: Any, text: str, value: Any) -> None:
    assert one(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("money", "1,000.00", "bad_number"), ("money", "1e3", "bad_number"), ("money", "NaN", "bad_number"),
        ("money", "１２", "bad_number"), ("money", "0.005", "too_many_decimals"), ("money", "1" * 17, "too_large"),
        ("int", "1.5", "too_many_decimals"), ("int", "1" * 19, "too_large"), ("rate", "12345678", "too_large"),
        ("date", "20260229", "bad_date"), ("date", "26-1-1", "bad_date"), ("date", "00000000", "bad_date"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(kind: Any, text: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        one(kind, text)
    assert (caught.value.reason, caught.value.column) == (reason, "v") and text not in caught.value.message


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15))
def test_money_is_exact(amount: Decimal) -> None:
    assert one("money", str(amount)) == amount


def test_simple_maps() -> None:
    assert one("money", "1,234", scale=Decimal("0.01"), thousands=",") == Decimal("12.34")
    assert one("text", "1", map={"1": "P"}) == "P"
    assert one("text", "7", map={"1": "P"}, default="X") == "X"
    assert one("text", "-", null=("-", "NULL")) is None
    assert one("text", "530101x", cut=(1, 6)) == "530101"
    assert one("text", " a ", strip=False) == " a "
    with pytest.raises(Refused, match="no '7'"):
        one("text", "7", map={"1": "P"})
    joined = Rule("v", ("a", "b", "c"), separator=", ")
    made = converters(table(columns=(joined,)), feed(Column("v", "text", "V", True)), ["a", "b", "c"])[0]
    assert made(["x", " ", "y"]) == "x, y" and made(["", "", ""]) is None
    constant = converters(table(columns=(Rule("v", constant="P"),)), feed(Column("v", "text", "V")), [])[0]
    assert constant([]) == "P"


@pytest.mark.parametrize(
    ("text", "layout", "kw", "day"),
    [
        ("706213", "%y%m%d", {"century": 1900, "offset": 50}, date(1970, 12, 13)),
        ("190922", "%y%m%d", {"century": 1900}, date(1919, 9, 22)),
        ("190922", "%y%m%d", {}, date(2019, 9, 22)),
        ("931107 00:00:00", "%y%m%d %H:%M:%S", {}, date(1993, 11, 7)),
        ("2/4/1965", "%m/%d/%Y", {}, date(1965, 2, 4)),
        ("2026060", "%Y%j", {}, date(2026, 3, 1)),
        ("2026366", "%Y%j", {}, None),
        ("706213", "%y%m%d", {}, None),
    ],
)  # fmt: skip
def test_days_in_many_spellings(text: str, layout: str, kw: Any, day: date | None) -> None:
    assert parse_date(text, (layout,), **kw) == day


def test_a_description_that_does_not_fit_the_feed() -> None:
    needed = feed(Column("v", "text", "V"))
    for columns in ((), (Rule("w", ("v",)),), (Rule("v", ("z",)),)):
        with pytest.raises(SourceError):
            converters(table(columns=columns), needed, ["v"])


def test_headers(tmp_path: Path) -> None:
    described = table(header=True, columns=(Rule("v", ("b",)),), charset="utf-8")
    path = tmp_path / "t.gz"
    path.write_bytes(gzip.compress("\ufeffa|b\n1|2\n3\n".encode()))
    accepted, refusal = list(read(path, described, feed(Column("v", "text", "V"))))
    assert isinstance(accepted, Accepted) and (accepted.line, accepted.values) == (2, ["2"])
    assert isinstance(refusal, Refusal) and (refusal.line, refusal.raw, refusal.reason) == (3, b"3", "column_count")
    for data in (b"", gzip.compress(b""), gzip.compress(b"a|c\n1|2\n"), gzip.compress(b"\xff\n"), b"no gzip"):
        path.write_bytes(data)
        with pytest.raises(LoadFailed):
            list(read(path, described, feed(Column("v", "text", "V"))))


def test_columns_by_position_need_no_names(tmp_path: Path) -> None:
    described = table(columns=(Rule("v", (2,)),))
    (tmp_path / "t").write_bytes(b"1|2|3\n1\n")
    accepted, refusal = list(read(tmp_path / "t", described, feed(Column("v", "text", "V"))))
    assert isinstance(accepted, Accepted) and accepted.values == ["2"]
    assert isinstance(refusal, Refusal) and refusal.reason == "column_count"
