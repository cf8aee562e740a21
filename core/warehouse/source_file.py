"""Reads a source description and says what is wrong with it, where, and how to mend it."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.warehouse.source_columns import rules
from core.warehouse.sources import DIRECTIVES, Control, Source, SourceError, Table
from core.warehouse.toml_table import TomlTable

CHARSETS = {"gb18030", "gbk", "gb2312", "utf-8", "utf-8-sig", "ascii", "iso-8859-1", "windows-1252", "big5"}
"""Charsets in which no character but the line feed holds the byte 0x0A."""
CONTROL_FIELDS = {"file", "bytes", "rows", "md5", "sha256", "date", "-"}
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

_SHARED = {"charset", "delimiter", "quote", "record_end", "header", "widths", "control", "optional", "reject_limit",
           "max_shrink"}  # fmt: skip
_SOURCE = {"system", "legal_entity", "folder", "tables", "business_date", "date_format", "cut_off", "days",
           *_SHARED}  # fmt: skip
_TABLE = {"feed", "file", "mode", "names", "columns", *_SHARED}


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
    top = TomlTable(values, file)
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
    days = top.text("days", "daily")
    if days not in {"daily", "weekdays"}:
        top.fail("days", f"{days!r} is not known", 'Write "daily" or "weekdays".')
    return Source(
        name, top.text("system"), top.text("legal_entity"), top.text("folder"),
        tuple(_table(top, key, table, fixed) for key, table in tables.items()), fixed, layout,
        _cut_off(top), values.get("cut_off") is not False, days == "weekdays",
    )  # fmt: skip


def _cut_off(top: TomlTable) -> time | None:
    if top.values.get("cut_off") in (None, False):
        return None
    try:
        return time.fromisoformat(top.text("cut_off"))
    except ValueError:
        top.fail("cut_off", "is no time of day", 'Write cut_off = "06:00", or false when files come at any time.')


def _table(top: TomlTable, name: str, values: Any, fixed: date | None) -> Table:
    own = TomlTable(values if isinstance(values, dict) else {}, top.file, name)
    own.only(_TABLE)
    both = TomlTable({**{k: v for k, v in top.values.items() if k in _SHARED}, **own.values}, top.file, name)
    file, mode = both.text("file"), both.text("mode")
    if mode not in {"full", "incremental"}:
        both.fail("mode", f"{mode!r} is not known", 'Write "full" or "incremental".')
    if fixed is None and "{date}" not in file and "{date}" not in top.text("folder"):
        both.fail("file", "says no day", "Put {date} into folder or file, or set business_date.")
    layout, limit = _layout(both), both.share("reject_limit")
    return Table(
        name=name, feed=both.text("feed"), file=file, mode=mode,  # type: ignore[arg-type]
        columns=rules(both, layout), control=_control(both), optional=both.flag("optional", False),
        reject_limit=Decimal("0.05") if limit is None else limit, max_shrink=both.share("max_shrink"), **layout,
    )  # fmt: skip


def _layout(table: TomlTable) -> dict[str, Any]:
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


def _named(table: TomlTable) -> bool:
    rules = table.values.get("columns", {})
    values = [r.get("from") if isinstance(r, dict) else r for r in rules.values()] if isinstance(rules, dict) else []
    return any(isinstance(value, str) for value in values)


def _control(table: TomlTable) -> Control | None:
    given = table.values.get("control")
    if given is None or given is False:
        return None
    if not isinstance(given, dict):
        table.fail("control", "must be a table", "Write it under [control], or control = false.")
    reader = TomlTable(given, table.file, table.table, "control")
    reader.only({"file", "fields", "delimiter", "charset"})
    fields = reader.texts("fields")
    for field in fields:
        if field not in CONTROL_FIELDS:
            reader.fail("fields", f"{field!r} is not known", f"Use {', '.join(sorted(CONTROL_FIELDS))} (- is skipped).")
    return Control(reader.text("file"), fields, reader.text("delimiter", "|"), reader.text("charset", "ascii"))
