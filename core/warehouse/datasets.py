"""``query``: the one way to ask for facts. The row scope is put in here and cannot be left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from core.contract import Dataset, Feed
from core.extensions import db
from core.warehouse import compiling, engine, feeds, partitions
from core.warehouse.feeds import UnknownDataset
from core.warehouse.partitions import Published
from core.warehouse.questions import Question, narrow, place_of
from core.warehouse.scope import restrict
from core.warehouse.shapes import Order, Shape, Table

MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Rows:
    """An answer: rows as dicts, the day they stand for, and the systems they come from."""

    rows: list[dict[str, Any]]
    as_of: date | None
    """The newest published day; of several sources that of the one furthest behind. None: nothing published, 缺数."""
    source: str
    next: tuple[Any, ...] | None = None
    """Pass as ``after`` for the next page; None on the last."""


def query(
    dataset: str, *, where: Mapping[str, Any], columns: Sequence[str] | None = None, order_by: Sequence[str] = (),
    limit: int = 100, after: Sequence[Any] | None = None, as_of: date | None = None, session: Session | None = None,
) -> Rows:  # fmt: skip
    """Rows of a dataset inside the scope of the session (the request's by default).

    Args:
        dataset: its name.
        where: dimension to a value, a list of values, None (missing) or a :class:`Range`. A scope dimension takes the
            subject's database keys.
        columns: dimensions, or dimensions and measures, which are then grouped; all dimensions by default.
        order_by: dimensions or measures asked for, ``-`` in front for descending; ties are broken by the feed's key.
        limit: 1 to 10,000.
        after: ``Rows.next`` of the page before.
        as_of: the day to look from; the newest by default.

    Raises:
        UnknownDataset: no enabled plugin declares a name given here.
        core.db.session.ScopeError: the session has no access.
        ValueError: ``limit`` out of bounds, or ``after`` does not fit ``order_by``.
    """
    if not 1 <= limit <= MOST_ROWS:
        raise ValueError(f"limit must lie between 1 and {MOST_ROWS}")
    asked = feeds.dataset(dataset)
    session = session or db.session()
    question = Question(feeds.feed(asked.feed))
    visible = restrict(asked, question, where, session)
    narrow(asked, question, {k: v for k, v in where.items() if k not in asked.scope.values()})
    files = partitions.published(session, question.feed.name, question.feed.mode, as_of, question.sources)
    day, systems = _origin(files)
    if not files or not visible:
        return Rows([], day, systems)
    question.values["files"] = _paths(files)
    if not _others(question, session, as_of):
        return Rows([], day, systems)
    shape = _shape(asked, question, columns, order_by, after)
    if after is not None:
        question.values |= {f"after_{n}": value for n, value in enumerate(after) if value is not None}
    found = engine.run(f"{compiling.sql(shape)} LIMIT {limit + 1}", question.values)
    return _answer(asked, shape, columns, found, limit, day, systems)


def _answer(
    asked: Dataset, shape: Shape, columns: Sequence[str] | None, found: list[tuple[Any, ...]], limit: int,
    day: date | None, systems: str,
) -> Rows:  # fmt: skip
    names = [name for name, _ in shape.columns] + [name for name, _, _ in shape.measures]
    wanted = set(columns) if columns is not None else set(_listed(asked))
    rows = [dict(zip(names, row, strict=True)) for row in found[:limit]]
    last = tuple(rows[-1][order.column] for order in shape.order) if len(found) > limit else None
    return Rows([{name: row[name] for name in names if name in wanted} for row in rows], day, systems, last)


# -- conditions and shape ----------------------------------------------------------------------------------------------


def _listed(asked: Dataset) -> list[str]:
    return [dimension.name for dimension in asked.dimensions if "." not in dimension.column]


def _shape(
    asked: Dataset, question: Question, columns: Sequence[str] | None, order_by: Sequence[str],
    after: Sequence[Any] | None,
) -> Shape:  # fmt: skip
    measures = {m.name: (m.name, m.column, m.how) for m in asked.measures}
    wanted = list(columns) if columns is not None else _listed(asked)
    figures = tuple(measures[name] for name in wanted if name in measures)
    listed = {name: _column(asked, question.feed, name) for name in wanted if name not in measures}
    order = [Order(name.lstrip("-"), name.startswith("-")) for name in order_by]
    if figures:
        unknown = [o.column for o in order if o.column not in listed and o.column not in measures]
        if unknown:
            raise UnknownDataset(f"{asked.name}: cannot order groups by {unknown[0]!r}, which is not asked for")
        ties = [Order(name) for name in listed]
    else:
        listed |= {o.column: _column(asked, question.feed, o.column) for o in order}
        key = (*question.feed.key, "source", "business_date")
        listed |= {f"_{name}": name for name in key}
        ties = [Order(f"_{name}") for name in key]
    order += [tie for tie in ties if tie.column not in {o.column for o in order}]
    if after is not None and len(after) != len(order):
        raise ValueError(f"after has {len(after)} values, the order has {len(order)}")
    return Shape(
        Table.of(question.feed), tuple(listed.items()), figures, tuple(question.filters), tuple(order),
        tuple(value is not None for value in after) if after is not None else (),
    )  # fmt: skip


def _column(asked: Dataset, feed: Feed, name: str) -> str:
    place = place_of(asked, feed, name)
    if place.via is not None:
        raise UnknownDataset(f"{asked.name}: {name!r} filters, it cannot be listed: one row may have many")
    return place.column


# -- files -------------------------------------------------------------------------------------------------------------


def _paths(files: Sequence[Published]) -> list[str]:
    return [str(engine.folder() / file.path) for file in files]


def _others(question: Question, session: Session, upto: date | None) -> bool:
    """Files of the feeds the filters lead through. False when one of them has none, so that nothing can match."""
    known = feeds.feeds()
    for number, condition in enumerate(question.filters):
        via = condition.place.via
        if via is not None:
            files = partitions.published(session, via.table.name, known[via.table.name].mode, upto, question.sources)
            if not files:
                return False
            question.values[f"files_{number}"] = _paths(files)
    return True


def _origin(files: Sequence[Published]) -> tuple[date | None, str]:
    newest: dict[str, date] = {}
    for file in files:
        newest[file.source] = max(file.business_date, newest.get(file.source, file.business_date))
    systems = sorted({file.system for file in files})
    return min(newest.values(), default=None), ", ".join(systems)
