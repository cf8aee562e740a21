"""A question on its way to SQL: where its dimensions are found, what they are narrowed to, and the values."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.contract import Dataset, Feed
from core.db.secrets import keyed_index
from core.warehouse import feeds, shapes
from core.warehouse.feeds import UnknownDataset
from core.warehouse.partitions import secret
from core.warehouse.shapes import Filter, Place


@dataclass(frozen=True, slots=True)
class Range:
    """From ``start`` to ``end``, both belonging; None is open."""

    start: Any = None
    end: Any = None


@dataclass(slots=True)
class Question:
    """A query on its way to SQL: filters with the values they will be given."""

    feed: Feed
    filters: list[Filter] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    sources: set[str] | None = None
    """Only these sources can have an answer; None means any."""

    def add(self, place: Place, kind: Any, start: Any = None, end: Any = None, **lists: list[Any]) -> None:
        """One more condition; ``lists`` are the values it is given by name."""
        number = len(self.filters)
        self.filters.append(Filter(place, kind, start is not None, end is not None))
        for name, value in {"start": start, "end": end}.items():
            if value is not None:
                self.values[f"{name}_{number}"] = value
        for name, listed in lists.items():
            self.values[f"{name}_{number}"] = json.dumps(listed, default=str)

    def only(self, sources: Collection[str]) -> None:
        """No other source can have an answer."""
        self.sources = set(sources) if self.sources is None else self.sources & set(sources)


def place_of(asked: Dataset, feed: Feed, dimension: str) -> Place:
    """Where a dimension is found. Raises ``UnknownDataset``."""
    for candidate in asked.dimensions:
        if candidate.name == dimension:
            return shapes.path_of(feed, candidate.column, feeds.feeds())
    raise UnknownDataset(f"{asked.name} has no dimension {dimension!r}")


def narrow(asked: Dataset, question: Question, where: Mapping[str, Any]) -> None:
    """Narrow the question to the values given."""
    for dimension, value in where.items():
        place = place_of(asked, question.feed, dimension)
        if value is None:
            question.add(place, "null")
        elif isinstance(value, Range):
            question.add(place, "range", value.start, value.end)
        else:
            place, values = _tokens(question.feed, place, listing(value))
            question.add(place, "in", given=values)


def _tokens(feed: Feed, place: Place, values: list[Any]) -> tuple[Place, list[Any]]:
    """Identifiers are looked up by their keyed token, for the partition does not hold them."""
    source = feeds.feed(place.via.table.name) if place.via else feed
    column = next((c for c in source.columns if c.name == place.column), None)
    if column is None or not secret(column):
        return place, values
    tokens = [keyed_index(str(value), f"warehouse.{column.data_class}") for value in values]
    return Place(f"{column.name}__token", place.via), tokens


def listing(value: Any) -> list[Any]:
    """One value or several as a list. Raises ``ValueError`` for what has no keys."""
    if value is None or isinstance(value, Range):
        raise ValueError("a scope dimension takes a key or a list of keys")
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
