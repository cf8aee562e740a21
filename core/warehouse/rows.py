"""One pass over a delivered file: line by line, each accepted with its typed values or refused with a reason."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.contract import Feed
from core.warehouse.arrival import LoadFailed
from core.warehouse.convert import Refused, converters
from core.warehouse.reading import open_data, raw_lines, splitter
from core.warehouse.sources import SourceError, Table
from core.warehouse.words import _


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that is not loaded."""

    line: int
    raw: bytes
    reason: str
    message: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A line that is loaded, its values in the order of the feed's columns."""

    line: int
    values: list[Any]


def read(path: Path, table: Table, feed: Feed) -> Iterator[Accepted | Refusal]:
    """Every line of the file but its header, in order. Holds one line at a time.

    Raises:
        LoadFailed: the file is no such file at all: header or description do not fit, or it cannot be decompressed.
    """
    try:
        with open_data(path) as data:
            yield from _lines(raw_lines(data), table, feed)
    except SourceError as error:
        raise LoadFailed(str(error)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise LoadFailed(_("%(name)s cannot be read: %(reason)s", name=path.name, reason=error)) from error


def _lines(lines: Iterator[tuple[int, bytes]], table: Table, feed: Feed) -> Iterator[Accepted | Refusal]:
    split = splitter(table)
    names = _header(lines, table, split) if table.header else list(table.names)
    makers = converters(table, feed, names)
    width = len(table.widths or names)
    least = max((f for rule in table.columns for f in rule.fields if isinstance(f, int)), default=1)
    for number, raw in lines:
        try:
            fields = split(raw)
            if len(fields) != width if width else len(fields) < least:
                message = f"has {len(fields)} fields instead of {width or f'at least {least}'}"
                raise Refused("column_count", message)
            values = [make(fields) for make in makers]
        except Refused as refused:
            yield Refusal(number, raw, refused.reason, refused.message, refused.column)
        else:
            yield Accepted(number, values)


def _header(lines: Iterator[tuple[int, bytes]], table: Table, split: Callable[[bytes], list[str]]) -> list[str]:
    first = next(lines, None)
    if first is None:
        raise LoadFailed(_("The header is missing."))
    try:
        names = [name.strip().lstrip("\ufeff") for name in split(first[1])]
    except Refused as refused:
        raise LoadFailed(_("The header cannot be read: it %(reason)s.", reason=refused.message)) from refused
    if table.names and tuple(names) != table.names:
        found, wanted = ", ".join(names), ", ".join(table.names)
        raise LoadFailed(_("The header is %(found)s and not %(wanted)s.", found=found, wanted=wanted))
    return names
