"""From the fields of a line to the typed values of a feed, without guessing.

A value that does not fit is refused with a reason; nothing is rounded, cut short or taken for something else. Texts
keep their leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from core.contract import Column, Feed
from core.warehouse.sources import Rule, SourceError, Table

Fields = Sequence[str]
Pick = Callable[[Fields], str | None]


class Refused(Exception):
    """A line, or one value of it, cannot be loaded."""

    def __init__(self, reason: str, message: str, column: str = "") -> None:
        super().__init__(message)
        self.reason, self.message, self.column = reason, message, column


def converters(table: Table, feed: Feed, names: Sequence[str]) -> list[Callable[[Fields], Any]]:
    """One function a feed column, in the feed's order, from the fields of a line to a typed value or None.

    ``names`` are the columns of the file in order; empty when they are only known by position. The functions raise
    ``Refused``.

    Raises:
        SourceError: the description maps a column the feed does not have, or takes one the file does not have.
    """
    rules = {rule.target: rule for rule in table.columns}
    for target in rules.keys() - {column.name for column in feed.columns}:
        known = ", ".join(column.name for column in feed.columns)
        raise SourceError("", table.name, f"columns.{target}", f"{feed.name} has no such column", f"It has {known}.")
    return [_converter(table, column, rules.get(column.name), names) for column in feed.columns]


def _converter(table: Table, column: Column, rule: Rule | None, names: Sequence[str]) -> Callable[[Fields], Any]:
    if rule is None:
        if not column.nullable:
            mend = f"Map it under [tables.{table.name}.columns]."
            raise SourceError("", table.name, f"columns.{column.name}", "is required and not mapped", mend)
        return _nothing
    pick, kind = _picker(table, rule, names), _typed(column, rule)
    name, nullable = column.name, column.nullable
    if kind is None and nullable:
        return pick

    def convert(fields: Fields) -> Any:
        text = pick(fields)
        if text is None:
            if nullable:
                return None
            raise Refused("missing", f"{name} is empty", name)
        return text if kind is None else kind(text)

    return convert


def _nothing(fields: Fields) -> None:
    return None


def _picker(table: Table, rule: Rule, names: Sequence[str]) -> Pick:
    """The text of the rule's fields before it is typed; None where nothing is given."""
    if rule.constant is not None:
        constant = rule.constant or None
        return lambda fields: constant
    places = [_place(table, rule, field, names) for field in rule.fields]
    absent = frozenset(rule.null)
    plain = len(places) == 1 and rule.strip and not (absent or rule.map or rule.cut)
    if plain:
        place = places[0]
        return lambda fields: fields[place].strip() or None

    def pick(fields: Fields) -> str | None:
        parts = [fields[place].strip() if rule.strip else fields[place] for place in places]
        text = rule.separator.join(part for part in parts if part)
        if rule.cut:
            text = text[rule.cut[0] - 1 : rule.cut[0] - 1 + rule.cut[1]]
        if text in absent or not text:
            return None
        return text if rule.map is None else _mapped(rule, rule.map, text)

    return pick


def _place(table: Table, rule: Rule, field: str | int, names: Sequence[str]) -> int:
    if isinstance(field, int):
        return field - 1
    if field not in names:
        mend = f"The file has {', '.join(names)}."
        raise SourceError("", table.name, f"columns.{rule.target}", f"there is no source column {field!r}", mend)
    return list(names).index(field)


def _mapped(rule: Rule, codes: Mapping[str, str], text: str) -> str | None:
    if text in codes:
        return codes[text] or None
    if rule.default is None:
        raise Refused("unmapped", f"{rule.target}: the map has no {text[:40]!r}", rule.target)
    return rule.default or None


def _typed(column: Column, rule: Rule) -> Callable[[str], Any] | None:
    if column.type == "text":
        return None
    if column.type == "date":
        formats = rule.date or ("%Y%m%d", "%Y-%m-%d")
        return lambda text: _date(column.name, text, formats, rule.century, rule.month_offset)
    whole, places = {"money": (16, 2), "rate": (7, 7), "decimal": (20, 10), "int": (18, 0)}[column.type]
    if rule.scale is not None or rule.thousands:
        return lambda text: _number(column, text, rule.scale, rule.thousands, whole, places)
    # Nearly every number is written plainly and within bounds; the long way is for the others and for the reason.
    plain = re.compile(rf"-?[0-9]{{1,{whole}}}" + (rf"(?:\.[0-9]{{1,{places}}})?" if places else "")).fullmatch
    make: Callable[[str], Decimal | int] = Decimal if places else int
    return lambda text: make(text) if plain(text) else _number(column, text, None, "", whole, places)


_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")


def _number(column: Column, text: str, scale: Decimal | None, thousands: str, whole: int, places: int) -> Decimal | int:
    if thousands:
        text = text.replace(thousands, "")
    if not text.isascii() or not _NUMBER.fullmatch(text) or len(text) > 60:
        raise Refused("bad_number", f"{column.name} is not a number", column.name)
    value = Decimal(text) if scale is None else Decimal(text) * scale
    exponent = value.as_tuple().exponent
    if -int(exponent) > places:
        value = value.normalize()
        if -int(value.as_tuple().exponent) > places:
            raise Refused("too_many_decimals", f"{column.name} has more than {places} decimals", column.name)
    if value.adjusted() >= whole:
        raise Refused("too_large", f"{column.name} has more than {whole} digits before the point", column.name)
    return int(value) if column.type == "int" else value + 0


def _date(name: str, text: str, formats: tuple[str, ...], century: int | None, offset: int) -> date:
    found = parse_date(text, formats, century, offset)
    if found is None:
        raise Refused("bad_date", f"{name} is no day written as {' or '.join(formats)}", name)
    return found


@lru_cache(maxsize=65536)
def parse_date(text: str, formats: tuple[str, ...], century: int | None = None, offset: int = 0) -> date | None:
    """The day ``text`` names in the first of ``formats`` that fits; None when none does.

    ``century`` is that of two-digit years, else 69 to 99 are 19xx; ``offset`` is taken off months above 12.
    """
    for layout in formats:
        found = _date_pattern(layout).fullmatch(text)
        if found:
            try:
                return _day({key: int(value) for key, value in found.groupdict().items()}, century, offset)
            except ValueError:
                continue
    return None


def _day(parts: Mapping[str, int], century: int | None, offset: int) -> date:
    if "Y" in parts:
        year = parts["Y"]
    else:
        year = parts["y"] + (century if century is not None else 1900 if parts["y"] >= 69 else 2000)
    if "j" in parts:
        found = date(year, 1, 1) + timedelta(parts["j"] - 1)
        if found.year != year or parts["j"] < 1:
            raise ValueError("no such day")
        return found
    month = parts["m"]
    return date(year, month - offset if month > 12 else month, parts["d"])


@lru_cache(maxsize=256)
def _date_pattern(layout: str) -> re.Pattern[str]:
    """Digits of a part are counted when another part touches it, else a leading zero may be missing."""
    pieces = re.split(r"%(.)", layout)
    pattern = ""
    for number in range(0, len(pieces), 2):
        pattern += re.escape(pieces[number])
        if number + 1 == len(pieces):
            break
        key = pieces[number + 1]
        touches = (number and not pieces[number]) or (number + 3 < len(pieces) and not pieces[number + 2])
        digits = {"Y": "{4}", "j": "{3}"}.get(key, "{2}" if touches or key == "y" else "{1,2}")
        pattern += f"(?P<{key}>[0-9]{digits})"
    return re.compile(pattern)
