"""The warehouse: files of source systems in, published partitions, datasets out. See ``docs/warehouse.md``."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

from core import permissions
from core.extensions import db
from core.warehouse import holds, models, partitions
from core.warehouse.datasets import Rows, query
from core.warehouse.engine import warm
from core.warehouse.feeds import UnknownDataset
from core.warehouse.partitions import TableStatus
from core.warehouse.questions import Range

if TYPE_CHECKING:
    from flask import Flask

__all__ = [
    "Range",
    "Rows",
    "TableStatus",
    "UnknownDataset",
    "as_of",
    "init_app",
    "models",
    "query",
    "source_titles",
    "status",
    "warm",
]


def init_app(app: Flask) -> None:
    """Declare what it asks permission for. Folders and the engine come with the first load or query."""
    permissions.declare(holds.RELEASE)
    app.extensions["crm.warehouse"] = app.config["CRM"].warehouse


def as_of(feed: str) -> date | None:
    """The newest published day of a feed; None when nothing is published: 缺数, not 0."""
    return partitions.as_of(db.session(), feed)


def source_titles(sources: Collection[str]) -> dict[str, str]:
    """Names of source systems as pages show them, by the source's own name; without those that published nothing."""
    return partitions.titles(db.session(), sources)


def status() -> list[TableStatus]:
    """How far each table of each source is."""
    return partitions.status(db.session())
