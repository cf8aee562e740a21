"""Refusals that only all lines of a file together show: keys that come again, references that lead nowhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.contract import Column, Feed
from core.warehouse import engine
from core.warehouse.arrival import Delivery
from core.warehouse.engine import identifier, parquet
from core.warehouse.feeds import feed_of
from core.warehouse.reading import open_data, raw_lines
from core.warehouse.rows import Refusal

LINE = "_line"
MOST_REFUSED = 100_000
"""Refused lines kept at most; a file with more is no such file, whatever its limit says."""

Found = dict[int, tuple[str, str, str]]
"""From the number of a line to reason, message and column."""


def late(delivery: Delivery, feed: Feed, typed: Path, references: Mapping[Column, Sequence[str]]) -> list[Refusal]:
    """Lines of the typed file to be refused, with the bytes as delivered.

    ``references`` gives the Parquet files each column is looked up in; the rows of the file itself are looked up as
    well where a column refers to the feed it is of.
    """
    found: Found = {}
    for (number,) in _repeated(feed, typed):
        found[number] = ("duplicate_key", f"an earlier line has the same {', '.join(feed.key)}", feed.key[0])
    inward = [column for column in references if feed_of(column) == feed.name]
    for column, files in references.items():
        if column not in inward:
            _note(found, column, _unresolved(column, typed, files))
    size = -1
    # What is refused is not there to be referred to, so those below it go with it, level by level.
    while inward and size < len(found) <= MOST_REFUSED:
        size = len(found)
        for column in inward:
            _note(found, column, _unresolved(column, typed, references[column], without=sorted(found)))
    return list(_with_bytes(delivery, found)) if found else []


def _note(found: Found, column: Column, lines: Sequence[tuple[Any, ...]]) -> None:
    for (number,) in lines:
        found.setdefault(number, ("unknown_reference", f"{column.name} is in no row of {feed_of(column)}", column.name))


def _repeated(feed: Feed, typed: Path) -> list[tuple[Any, ...]]:
    """Lines whose key an earlier one has."""
    keys = ", ".join(identifier(name) for name in feed.key)
    same = " AND ".join(f"l.{identifier(name)} = k.{identifier(name)}" for name in feed.key)
    # Counting first: numbering a million rows takes far more memory, and there is seldom anything to number.
    several = f"SELECT {keys}, min({LINE}) AS first FROM {parquet(typed)} GROUP BY {keys} HAVING count(*) > 1"
    return engine.run(
        f"SELECT {LINE} FROM {parquet(typed)} AS l JOIN ({several}) AS k ON {same} AND l.{LINE} > k.first ORDER BY 1"
    )


def _unresolved(
    column: Column, typed: Path, files: Sequence[str], without: Sequence[int] | None = None
) -> list[tuple[Any, ...]]:
    """Lines whose value is in none of the files; ``without``, when given: nor in the file's lines other than these."""
    given = f"SELECT {LINE} FROM {parquet(typed)} AS l WHERE {identifier(column.name)} IS NOT NULL"
    same = f"r.{identifier(column.references.rpartition('.')[2])} = l.{identifier(column.name)}"
    values: dict[str, Any] = {}
    if files:
        given += f" AND NOT EXISTS (SELECT 1 FROM read_parquet($files, union_by_name = true) AS r WHERE {same})"
        values["files"] = list(files)
    if without is not None:
        kept = f"r.{LINE} NOT IN (SELECT unnest(CAST($without::JSON AS BIGINT[])))"
        given += f" AND NOT EXISTS (SELECT 1 FROM {parquet(typed)} AS r WHERE {same} AND {kept})"
        values["without"] = json.dumps(without)
    return engine.run(given, values)


def _with_bytes(delivery: Delivery, found: Found) -> Iterator[Refusal]:
    with open_data(delivery.path) as data:
        for number, raw in raw_lines(data):
            if number in found:
                reason, message, column = found[number]
                yield Refusal(number, raw, reason, message, column)
