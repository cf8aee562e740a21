"""A delivered file made into a Parquet file in the staging folder, with what had to be refused.

What is written on the way holds masked forms and tokens only. Memory is bounded: lines stream through, and the checks
that need all of them run in the engine, which spills to disk.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.contract import Column, Feed
from core.db.masks import mask
from core.db.secrets import keyed_index
from core.warehouse import engine
from core.warehouse.arrival import Delivery, LoadFailed, Verified
from core.warehouse.crosscheck import LINE, MOST_REFUSED, late
from core.warehouse.engine import identifier, literal, parquet
from core.warehouse.failpoints import reach
from core.warehouse.feeds import feed_of
from core.warehouse.partitions import secret, stored
from core.warehouse.reading import LONGEST, digests
from core.warehouse.rows import Accepted, Refusal, read
from core.warehouse.words import _

ROW_GROUP = 20_000

Progress = Callable[[int], None]


@dataclass(slots=True)
class Staged:
    """One file ready to be published."""

    delivery: Delivery
    feed: Feed
    file: Path
    sha256: str
    """Of the Parquet file."""
    source_sha256: str
    rows_read: int
    rows: int
    refers: frozenset[str]
    """Feeds its rows really refer to: a column of nothing but missing values refers to none."""
    refusals: list[Refusal] = field(default_factory=list)

    def accepted(self) -> Iterator[Mapping[str, Any]]:
        """The accepted rows, typed, identifiers in plain text: read from the delivered file a second time."""
        if digests(self.delivery.path)[0] != self.source_sha256:
            raise _changed(self.delivery)
        refused = {refusal.line for refusal in self.refusals}
        names = [column.name for column in self.feed.columns]
        for row in read(self.delivery.path, self.delivery.table, self.feed):
            if isinstance(row, Accepted) and row.line not in refused:
                yield dict(zip(names, row.values, strict=True))


References = Callable[[str], Sequence[str]]
"""From a feed to the paths of the Parquet files its references are looked up in. For the feed of the file being
staged these are the others: its own rows are looked up in any case."""


def stage(
    delivery: Delivery, feed: Feed, verified: Verified, folder: Path, references: References, progress: Progress
) -> Staged:
    """Read, check and write one file into ``folder``, which is empty and below the warehouse folder.

    Raises:
        LoadFailed: another number of rows than promised, or the file changed or is no such file.
        LoadWaits: from ``references``, which is asked only for feeds the rows really refer to.
    """
    stamp = delivery.stamp
    lines, refusals, count = folder / "lines.csv", [], 0
    with _private(lines) as out:
        writer = csv.writer(out, lineterminator="\n")
        make = _masked(feed)
        for row in read(delivery.path, delivery.table, feed):
            count += 1
            if isinstance(row, Accepted):
                writer.writerow(make(row))
            else:
                refusals.append(row)
                _bearable(refusals)
            if count % 20_000 == 0:
                progress(count)
    if verified.rows is not None and verified.rows != count:
        raise LoadFailed(
            _("The control file says %(said)s rows, the file has %(found)s.", said=verified.rows, found=count)
        )
    if delivery.stamp != stamp:
        raise _changed(delivery)
    reach("rows_read")
    typed = _typed(feed, lines)
    refers = _referred(feed, typed)
    refusals += late(delivery, feed, typed, {column: references(feed_of(column)) for column in refers})
    _bearable(refusals)
    file, rows = _write(feed, typed, sorted({refusal.line for refusal in refusals}))
    typed.unlink()
    return Staged(
        delivery, feed, file, digests(file)[0], verified.sha256, count, rows,
        frozenset(map(feed_of, refers)), sorted(refusals, key=_number),
    )  # fmt: skip


def _changed(delivery: Delivery) -> LoadFailed:
    return LoadFailed(_("%(name)s changed while it was being loaded.", name=delivery.path.name))


def _number(refusal: Refusal) -> int:
    return refusal.line


def _bearable(refusals: list[Refusal]) -> None:
    if len(refusals) > MOST_REFUSED:
        first = refusals[0]
        raise LoadFailed(
            _(
                "More than %(most)s lines are refused, the first in line %(line)s: %(reason)s",
                most=MOST_REFUSED, line=first.line, reason=first.message,
            )
        )  # fmt: skip


def _private(path: Path) -> Any:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(handle, "w", encoding="utf-8", newline="", buffering=1 << 20)


def _masked(feed: Feed) -> Callable[[Accepted], list[Any]]:
    """From an accepted line to what may be written: number, values, and for C2 columns masked form and token."""
    secrets = {number: column.data_class for number, column in enumerate(feed.columns, 1) if secret(column)}
    if not secrets:
        return lambda row: [row.line, *row.values]

    @lru_cache(maxsize=4096)
    def pair(value: str, data_class: str) -> tuple[str, str]:
        return mask(value, data_class), keyed_index(value, f"warehouse.{data_class}")

    last_first = sorted(secrets.items(), reverse=True)

    def make(row: Accepted) -> list[Any]:
        out = [row.line, *row.values]
        for number, data_class in last_first:
            value = out[number]
            out[number : number + 1] = (None, None) if value is None else pair(value, data_class)
        return out

    return make


def _typed(feed: Feed, lines: Path) -> Path:
    """The lines as an unsorted Parquet file, which the checks read several times."""
    target = lines.with_name("typed.parquet")
    columns = {LINE: "BIGINT", **stored(feed)}
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items())
    engine.run(
        f"COPY (SELECT * FROM read_csv({literal(str(lines))}, columns = {{{types}}}, auto_detect = false, "
        "header = false, delim = ',', quote = '\"', escape = '\"', nullstr = '', parallel = false, "
        f"new_line = '\\n', max_line_size = {4 * LONGEST}, buffer_size = {16 * LONGEST})) "
        f"TO {literal(str(target))} (FORMAT parquet, ROW_GROUP_SIZE {ROW_GROUP})"
    )
    lines.unlink()
    return target


def _referred(feed: Feed, typed: Path) -> list[Column]:
    """Columns that refer to another feed in at least one row."""
    columns = [column for column in feed.columns if column.references]
    if not columns:
        return []
    counts = engine.run(f"SELECT {', '.join(f'count({identifier(c.name)})' for c in columns)} FROM {parquet(typed)}")[0]
    return [column for column, count in zip(columns, counts, strict=True) if count]


def _write(feed: Feed, typed: Path, refused: Sequence[int]) -> tuple[Path, int]:
    """Sorted so that the facts of one account lie together, and so that the same file gives the same bytes."""
    target = typed.with_name("rows.parquet")
    order = [*(column.name for column in feed.columns if column.references), *feed.key, LINE]
    columns = ", ".join(identifier(name) for name in stored(feed))
    engine.run(
        f"COPY (SELECT {columns} FROM {parquet(typed)} "
        f"WHERE {LINE} NOT IN (SELECT unnest(CAST($refused::JSON AS BIGINT[]))) "
        f"ORDER BY {', '.join(map(identifier, order))}) "
        f"TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
        {"refused": json.dumps(refused)},
    )
    with target.open("rb") as done:
        os.fsync(done.fileno())
    rows = engine.run(f"SELECT count(*) FROM {parquet(target)}")[0][0]
    return target, int(rows)
