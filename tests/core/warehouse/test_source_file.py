"""A description is read, or refused in words that say where and how to mend it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from core.warehouse.source_file import parse, read
from core.warehouse.sources import SourceError

GOOD: dict[str, Any] = {
    "system": "Core", "legal_entity": "01", "folder": "in/{date}", "delimiter": "|$|",
    "control": {"file": "{stem}.ok", "fields": ["file", "rows"]},
    "tables": {"a": {"feed": "x.a", "file": "a.del", "mode": "full", "names": ["id", "when"],
                     "columns": {"id": "id", "day": {"from": 2, "date": "%Y%m%d"}}}},
}  # fmt: skip


def with_change(path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(GOOD)
    *way, last = path.split(".")
    place = changed
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


def test_a_good_description_says_everything() -> None:
    source = parse(GOOD, "core.toml", "core")
    table = source.table("a")
    assert (table.charset, table.delimiter, table.mode, table.names) == ("gb18030", "|$|", "full", ("id", "when"))
    assert table.control is not None and table.control.fields == ("file", "rows")
    assert [(r.target, r.fields, r.date) for r in table.columns] == [("id", ("id",), ()), ("day", (2,), ("%Y%m%d",))]
    assert source.dated
    with pytest.raises(KeyError):
        source.table("b")


WRONG = [
    ("system", None, "system", "is missing"),
    ("system", 3, "system", "must be a text"),
    ("colour", "red", "colour", "not a known key"),
    ("date_format", "%Q", "date_format", "no format"),
    ("business_date", "today", "business_date", "must be a day"),
    ("tables", {}, "tables", "is missing"),
    ("folder", "in", "file", "says no day"),
    ("cut_off", "6 o'clock", "cut_off", "no time of day"),
    ("cut_off", True, "cut_off", "must be a text"),
    ("days", "sometimes", "days", "not known"),
    ("tables.a.max_shrink", "1.01", "max_shrink", "between 0 and 1"),
    ("tables.a.max_shrink", 0.5, "max_shrink", "exact number"),
    ("tables.a.cut_off", "06:00", "cut_off", "not a known key"),
    ("tables.a.mode", "all", "mode", "not known"),
    ("tables.a.feed", None, "feed", "is missing"),
    ("tables.a.shape", "x", "shape", "not a known key"),
    ("tables.a.charset", "utf-16", "charset", "not supported"),
    ("tables.a.charset", "klingon", "charset", "not known"),
    ("tables.a.delimiter", "", "delimiter", "must be one"),
    ("tables.a.quote", '"', "quote", "delimiter of one character"),
    ("tables.a.record_end", "|-|", "record_end", "line feed"),
    ("tables.a.header", "yes", "header", "true or false"),
    ("tables.a.names", None, "names", "taken by name"),
    ("tables.a.names", [1], "names", "list of texts"),
    ("tables.a.widths", [1], "widths", "differs in number"),
    ("tables.a.widths", [0, 1], "widths", "numbers above 0"),
    ("tables.a.reject_limit", 0.5, "reject_limit", "exact number"),
    ("tables.a.reject_limit", "2", "reject_limit", "between 0 and 1"),
    ("tables.a.control", "x.ok", "control", "must be a table"),
    ("tables.a.control", {"file": "x.ok", "fields": ["crc"]}, "control.fields", "not known"),
    ("tables.a.columns", None, "columns", "is missing"),
    ("tables.a.columns.id", "nr", "columns.id", "no source column"),
    ("tables.a.columns.id", 3, "columns.id", "no position"),
    ("tables.a.columns.id", 0, "columns.id", "position from 1"),
    ("tables.a.columns.id", {"from": "id", "constant": "x"}, "columns.id", "one of from"),
    ("tables.a.columns.id", {"from": "id", "code": "x"}, "columns.id.code", "not a known key"),
    ("tables.a.columns.id", {"from": "id", "map": {"1": 2}}, "columns.id.map", "must give texts"),
    ("tables.a.columns.id", {"from": "id", "cut": [1]}, "columns.id.cut", "first position"),
    ("tables.a.columns.id", {"from": "id", "date": "YYYY"}, "columns.id.date", "no format"),
    ("tables.a.columns.id", {"from": "id", "scale": 0.01}, "columns.id.scale", "exact number"),
    ("tables.a.columns.id", {"from": "id", "century": "x"}, "columns.id.century", "whole number"),
]


@pytest.mark.parametrize(("path", "value", "key", "problem"), WRONG)
def test_what_makes_no_sense_is_refused_at_its_place(path: str, value: Any, key: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse(with_change(path, value), "core.toml", "core")
    error = caught.value
    assert error.file == "core.toml" and error.key == key and problem in error.problem and error.mend
    assert error.table == ("a" if path.startswith("tables.a") or key == "file" else "")
    assert str(error).startswith("core.toml")


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("a = ")
    with pytest.raises(SourceError, match=r"x\.toml"):
        read(tmp_path / "x.toml")
    (tmp_path / "Bad Name.toml").write_text("")
    with pytest.raises(SourceError, match="cannot name a source"):
        read(tmp_path / "Bad Name.toml")


@pytest.mark.parametrize("path", sorted((Path(__file__).resolve().parents[3] / "docs" / "sources").glob("*.toml")))
def test_shipped_descriptions_fit_the_feeds(bank: Any, path: Path) -> None:
    from core.warehouse.descriptions import problems_of

    assert problems_of(read(path)) == []
