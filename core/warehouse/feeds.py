"""What enabled plugins declared about the warehouse."""

from __future__ import annotations

from collections.abc import Iterable

from core.contract import Column, Dataset, Feed
from core.contract.protocols import runtime


class UnknownDataset(LookupError):
    """No enabled plugin declares a dataset, feed, dimension or measure of that name."""


def feeds() -> dict[str, Feed]:
    """Feeds of the enabled plugins by name."""
    return {feed.name: feed for _, feed in runtime().registry.of("crm_feeds")}


def dataset(name: str) -> Dataset:
    """The dataset of that name; ``UnknownDataset`` when its plugin is off or there is none."""
    for _, candidate in runtime().registry.of("crm_datasets"):
        if candidate.name == name:
            found: Dataset = candidate
            return found
    raise UnknownDataset(f"no enabled module declares the dataset {name!r}")


def feed(name: str) -> Feed:
    """The feed of that name; ``UnknownDataset`` when its plugin is off or there is none."""
    try:
        return feeds()[name]
    except KeyError:
        raise UnknownDataset(f"no enabled module declares the feed {name!r}") from None


def feed_of(column: Column) -> str:
    """Name of the feed a column refers to; "" when to none."""
    return column.references.rpartition(".")[0]


def referred(feed: Feed) -> set[str]:
    """Names of the feeds its columns refer to."""
    return {feed_of(column) for column in feed.columns if column.references}


def in_order(wanted: Iterable[Feed]) -> list[Feed]:
    """Those referred to before those that refer to them; a circle keeps the order given."""
    rest = list(wanted)
    ordered: list[Feed] = []
    while rest:
        names = {feed.name for feed in rest}
        free = [feed for feed in rest if not (referred(feed) - {feed.name}) & names] or rest[:1]
        ordered += free
        rest = [feed for feed in rest if feed not in free]
    return ordered
