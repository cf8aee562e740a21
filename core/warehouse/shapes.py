"""The shape of a question: names and no values, so that its SQL is compiled once a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from core.contract import Column, Feed
from core.warehouse.feeds import UnknownDataset
from core.warehouse.partitions import EVERY, stored


@dataclass(frozen=True, slots=True)
class Table:
    """A feed as the shape sees it: its columns with SQL types."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, feed: Feed) -> Table:
        """The stored columns of a feed, and those every partition has."""
        return cls(feed.name, tuple({**stored(feed), **EVERY}.items()))

    def type(self, column: str) -> str:
        """SQL type of one column; ``UnknownDataset`` when there is none."""
        for name, kind in self.columns:
            if name == column:
                return kind
        raise UnknownDataset(f"{self.name} has no column {column!r}")


@dataclass(frozen=True, slots=True)
class Via:
    """The way from the facts to a column of another feed: where ``here`` and ``there`` are equal."""

    table: Table
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dimension is found: a column of the facts, or of another feed."""

    column: str
    via: Via | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition without its value."""

    place: Place
    kind: Literal["in", "null", "range", "keys", "source_keys"]
    """``keys``: a list of identifiers; ``source_keys``: of pairs of source and identifier."""
    start: bool = False
    end: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """One column the result is sorted by; missing values last either way."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything about a question but its values."""

    facts: Table
    columns: tuple[tuple[str, str], ...]
    """Name in the result, and column; sorted-by columns included."""
    measures: tuple[tuple[str, str, str], ...]
    """Name, column, how."""
    filters: tuple[Filter, ...]
    order: tuple[Order, ...]
    after: tuple[bool, ...] = ()
    """For a next page: whether the last row's value of each sorted-by column was there."""


def path_of(feed: Feed, column: str, feeds: Mapping[str, Feed]) -> Place:
    """The place of a dimension's column, which may lead through another feed by references.

    Raises:
        UnknownDataset: no such column, feed, or way.
    """
    other_name, dot, name = column.rpartition(".")
    if not dot:
        Table.of(feed).type(column)
        return Place(column)
    other = feeds.get(other_name)
    if other is None:
        raise UnknownDataset(f"no enabled module declares the feed {other_name!r}")
    table = Table.of(other)
    table.type(name)
    for here in feed.columns:
        for there in other.columns:
            if _meet(feed, here, other, there):
                return Place(name, Via(table, here.name, there.name))
    raise UnknownDataset(f"no reference leads from {feed.name} to {other_name}")


def _meet(feed: Feed, here: Column, other: Feed, there: Column) -> bool:
    return (
        here.references == f"{other.name}.{there.name}"
        or there.references == f"{feed.name}.{here.name}"
        or (here.references != "" and here.references == there.references)
    )
