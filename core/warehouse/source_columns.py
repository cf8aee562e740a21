"""Reads how the columns of a feed are made from the fields of a line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.warehouse.sources import Rule
from core.warehouse.toml_table import TomlTable

_RULE = {
    "from", "join", "with", "constant", "cut", "strip", "null", "map", "default", "date", "century", "month_offset",
    "scale", "thousands",
}  # fmt: skip


def rules(table: TomlTable, layout: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of a table whose layout has been read. Raises ``SourceError``."""
    given = table.values.get("columns")
    if not isinstance(given, dict) or not given:
        table.fail("columns", "is missing", f"Map the feed's columns under [tables.{table.table}.columns].")
    rules = tuple(_rule(table, target, value) for target, value in given.items())
    names, width = layout["names"], len(layout["widths"] or layout["names"])
    for rule in rules:
        for field in rule.fields:
            if isinstance(field, str) and names and field not in names:
                table.fail(f"columns.{rule.target}", f"there is no source column {field!r}", "Take one of names.")
            if isinstance(field, int) and width and field > width:
                table.fail(f"columns.{rule.target}", f"there is no position {field}", f"There are {width}.")
    return rules


def _rule(table: TomlTable, target: str, value: Any) -> Rule:
    given = value if isinstance(value, dict) else {"from": value}
    rule = TomlTable(given, table.file, table.table, f"columns.{target}")
    rule.only(_RULE)
    if sum(key in given for key in ("from", "join", "constant")) != 1:
        rule.fail("", "needs one of from, join, constant", f'Write {target} = "source_column".')
    fields = given["join"] if "join" in given else [given["from"]] if "from" in given else []
    if not isinstance(fields, list) or not all(_is_field(field) for field in fields):
        rule.fail("", "takes a column name or a position from 1", f'Write {target} = "source_column".')
    cut = rule.whole_numbers("cut")
    if cut and len(cut) != 2:
        rule.fail("cut", "must be first position and length", "Write cut = [1, 6].")
    formats = rule.texts("date")
    for layout in formats:
        _check_format(rule, layout)
    return Rule(
        target, tuple(fields), rule.text("constant") if "constant" in given else None, rule.text("with", " "),
        (cut[0], cut[1]) if cut else None, rule.flag("strip", True), rule.texts("null"), _map(rule),
        rule.text("default") if "default" in given else None, formats, rule.whole("century", None),
        rule.whole("month_offset", 0), rule.number("scale"), rule.text("thousands", ""),
    )  # fmt: skip


def _is_field(value: Any) -> bool:
    return (isinstance(value, str) and value != "") or (type(value) is int and value > 0)


def _map(rule: TomlTable) -> Mapping[str, str] | None:
    given = rule.values.get("map")
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(item, str) for item in given.values()):
        rule.fail("map", "must give texts", 'Write map = { "1" = "P", "2" = "C" }.')
    return given


def _check_format(rule: TomlTable, layout: str) -> None:
    if set(re.findall(r"%(.)", layout)) - set("YymdHMSj") or "%" not in layout:
        rule.fail("date", f"{layout!r} is no format of a day", 'Write date = "%Y%m%d".')
