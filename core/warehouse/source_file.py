"""Reads a source description and says what is wrong with it, where, and how to mend it."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from core.warehouse.sources import DIRECTIVES, Control, Rule, Source, SourceError, Table

T = TypeVar("T")
CHARSETS = {"gb18030", "gbk", "gb2312", "utf-8", "utf-8-sig", "ascii", "iso-8859-1", "windows-1252", "big5"}
"""Charsets in which no character but the line feed holds the byte 0x0A."""
CONTROL_FIELDS = {"file", "bytes", "rows", "md5", "sha256", "date", "-"}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_SHARED = {"charset", "delimiter", "quote", "record_end", "header", "widths", "control", "optional", "reject_limit"}
_SOURCE = {"system", "legal_entity", "folder", "tables", "business_date", "date_format", *_SHARED}
_TABLE = {"feed", "file", "mode", "names", "columns", *_SHARED}
_RULE = {
    "from", "join", "with", "constant", "cut", "strip", "null", "map", "default", "date", "century", "month_offset",
    "scale", "thousands",
}  # fmt: skip


class _Reader:
    """One table of a TOML document, with the place it stands at for messages."""

    def __init__(self, values: Mapping[str, Any], file: str, table: str = "", key: str = "") -> None:
        self.values, self.file, self.table, self.key = values, file, table, key

    def fail(self, key: str, problem: str, mend: str) -> NoReturn:
        place = ".".join(part for part in (self.key, key) if part)
        raise SourceError(self.file, self.table, place, problem, mend)

    def only(self, known: set[str]) -> None:
        for key in self.values:
            if key not in known:
                self.fail(key, "is not a known key", f"Known are {', '.join(sorted(known))}.")

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str):
            self.fail(key, "must be a text" if value is not None else "is missing", f'Write {key} = "…".')
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false", f"Write {key} = true.")
        return value

    def whole(self, key: str, default: T) -> int | T:
        value = self.values.get(key, default)
        if value is not default and (not isinstance(value, int) or isinstance(value, bool)):
            self.fail(key, "must be a whole number", f"Write {key} = 1.")
        return value

    def number(self, key: str) -> Decimal | None:
        if key not in self.values:
            return None
        try:
            if isinstance(self.values[key], bool | float):
                raise InvalidOperation
            return Decimal(self.values[key])
        except (InvalidOperation, TypeError, ValueError):
            self.fail(key, "must be an exact number", f'Write it as a text: {key} = "0.01".')

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, "must be a list of texts", f'Write {key} = ["a", "b"].')
        return tuple(value)

    def whole_numbers(self, key: str) -> tuple[int, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(type(item) is int and item > 0 for item in value):
            self.fail(key, "must be a list of numbers above 0", f"Write {key} = [10, 20].")
        return tuple(value)


def read(path: Path) -> Source:
    """The description in ``path``; its name is the file's.

    Raises:
        SourceError: the file cannot be read, or says something that makes no sense.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SourceError(path.name, "", "", str(error), "Write it as TOML in UTF-8.") from error
    return parse(values, path.name, path.stem)


def parse(values: Mapping[str, Any], file: str, name: str) -> Source:
    """The description in ``values``, as ``read`` finds it in a file."""
    top = _Reader(values, file)
    top.only(_SOURCE)
    if not NAME.fullmatch(name):
        top.fail("", f"{name!r} cannot name a source", "Name the file with up to 40 of a-z, 0-9 and _.")
    fixed, layout = values.get("business_date"), top.text("date_format", "%Y%m%d")
    if fixed is not None and (not isinstance(fixed, date) or isinstance(fixed, datetime)):
        top.fail("business_date", "must be a day", "Write business_date = 2026-01-31.")
    if set(re.findall(r"%(.)", layout)) - DIRECTIVES.keys() or "%" not in layout:
        top.fail("date_format", f"{layout!r} is no format of a day", "Use %Y %m %d %y %j.")
    tables = values.get("tables")
    if not isinstance(tables, dict) or not tables:
        top.fail("tables", "is missing", "Describe each file under [tables.NAME].")
    return Source(
        name, top.text("system"), top.text("legal_entity"), top.text("folder"),
        tuple(_table(top, key, table, fixed) for key, table in tables.items()), fixed, layout,
    )  # fmt: skip


def _table(top: _Reader, name: str, values: Any, fixed: date | None) -> Table:
    own = _Reader(values if isinstance(values, dict) else {}, top.file, name)
    own.only(_TABLE)
    both = _Reader({**{k: v for k, v in top.values.items() if k in _SHARED}, **own.values}, top.file, name)
    file, mode = both.text("file"), both.text("mode")
    if mode not in {"full", "incremental"}:
        both.fail("mode", f"{mode!r} is not known", 'Write "full" or "incremental".')
    if fixed is None and "{date}" not in file and "{date}" not in top.text("folder"):
        both.fail("file", "says no day", "Put {date} into folder or file, or set business_date.")
    layout = _layout(both)
    return Table(
        name=name, feed=both.text("feed"), file=file, mode=mode,  # type: ignore[arg-type]
        columns=_rules(both, layout), control=_control(both), optional=both.flag("optional", False),
        reject_limit=_share(both), **layout,
    )  # fmt: skip


def _layout(table: _Reader) -> dict[str, Any]:
    found: dict[str, Any] = {
        "charset": table.text("charset", "gb18030"),
        "delimiter": table.text("delimiter", "|"),
        "quote": table.text("quote", ""),
        "record_end": table.text("record_end", "\n"),
        "header": table.flag("header", False),
        "names": table.texts("names"),
        "widths": table.whole_numbers("widths"),
    }
    try:
        found["charset"] = codecs.lookup(found["charset"]).name.replace("iso8859-1", "iso-8859-1")
        found["charset"] = found["charset"].replace("cp1252", "windows-1252")
    except LookupError:
        table.fail("charset", f"{found['charset']!r} is not known", f"Use one of {', '.join(sorted(CHARSETS))}.")
    if found["charset"] not in CHARSETS:
        table.fail("charset", f"{found['charset']!r} is not supported", f"Use one of {', '.join(sorted(CHARSETS))}.")
    if not found["delimiter"] or "\n" in found["delimiter"]:
        table.fail("delimiter", "must be one character or more", 'Write delimiter = "|$|".')
    if found["quote"] and (len(found["quote"]) != 1 or len(found["delimiter"]) != 1):
        table.fail("quote", "needs one quote and a delimiter of one character", 'Leave quote out, or set it to "\\"".')
    if not found["record_end"].endswith("\n"):
        table.fail("record_end", "must end in a line feed", 'Write record_end = "\\n".')
    if not (found["header"] or found["names"] or found["widths"]) and _named(table):
        table.fail("names", "is missing, yet columns are taken by name", "List the names, or set header = true.")
    if found["widths"] and found["names"] and len(found["widths"]) != len(found["names"]):
        table.fail("widths", "differs in number from names", "Give each name its width.")
    return found


def _named(table: _Reader) -> bool:
    rules = table.values.get("columns", {})
    values = [r.get("from") if isinstance(r, dict) else r for r in rules.values()] if isinstance(rules, dict) else []
    return any(isinstance(value, str) for value in values)


def _control(table: _Reader) -> Control | None:
    given = table.values.get("control")
    if given is None or given is False:
        return None
    if not isinstance(given, dict):
        table.fail("control", "must be a table", "Write it under [control], or control = false.")
    reader = _Reader(given, table.file, table.table, "control")
    reader.only({"file", "fields", "delimiter", "charset"})
    fields = reader.texts("fields")
    for field in fields:
        if field not in CONTROL_FIELDS:
            reader.fail("fields", f"{field!r} is not known", f"Use {', '.join(sorted(CONTROL_FIELDS))} (- is skipped).")
    return Control(reader.text("file"), fields, reader.text("delimiter", "|"), reader.text("charset", "ascii"))


def _share(table: _Reader) -> Decimal:
    share = table.number("reject_limit")
    if share is not None and not 0 <= share <= 1:
        table.fail("reject_limit", "must lie between 0 and 1", 'Write reject_limit = "0.05".')
    return Decimal("0.05") if share is None else share


def _rules(table: _Reader, layout: Mapping[str, Any]) -> tuple[Rule, ...]:
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


def _rule(table: _Reader, target: str, value: Any) -> Rule:
    given = value if isinstance(value, dict) else {"from": value}
    rule = _Reader(given, table.file, table.table, f"columns.{target}")
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


def _map(rule: _Reader) -> Mapping[str, str] | None:
    given = rule.values.get("map")
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(item, str) for item in given.values()):
        rule.fail("map", "must give texts", 'Write map = { "1" = "P", "2" = "C" }.')
    return given


def _check_format(rule: _Reader, layout: str) -> None:
    if set(re.findall(r"%(.)", layout)) - set("YymdHMSj") or "%" not in layout:
        rule.fail("date", f"{layout!r} is no format of a day", 'Write date = "%Y%m%d".')
