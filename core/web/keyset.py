"""Paging through lists of any length: by the place of the last row, never by counting rows off.

The rows of a list are ordered by columns and at last by a unique key. Where the leading column may be NULL, the rows
without a value are a block of their own after the others (in either direction of sorting), so each block is read along
an index. Works alike on SQLite and PostgreSQL, whose own order of NULLs differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast
from urllib.parse import urlencode

from flask import current_app, has_request_context, request
from sqlalchemy import ColumnElement, Select, and_, false, func, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from core.extensions import db
from core.web.cursor import BadCursor, seal, unseal

SIZES = (20, 50, 100)
MOST = 10_000
"""A total above this is not counted out: it reads "10,000+"."""

_FORWARD, _BACK = "f", "b"
_OWN = frozenset({"cursor"})


@dataclass(frozen=True, slots=True)
class _Key:
    """One column of the order. NULLs come last, whichever way it is sorted."""

    column: ColumnElement[Any]
    down: bool
    nullable: bool

    def after(self, value: Any, back: bool) -> ColumnElement[bool]:
        """True for rows strictly behind ``value`` in this column, in the direction of reading."""
        if value is None:
            return self.column.is_not(None) if back else false()
        beyond = self.column < value if self.down != back else self.column > value
        return beyond if back or not self.nullable else or_(beyond, self.column.is_(None))

    def same(self, value: Any) -> ColumnElement[bool]:
        """True for rows with that value in this column."""
        return self.column.is_(None) if value is None else self.column == value

    def order(self, back: bool, leading: bool) -> list[ColumnElement[Any]]:
        """What to sort by. The leading column's NULLs are in another block, so it needs no term for them."""
        by = self.column.desc() if self.down != back else self.column.asc()
        if leading or not self.nullable:
            return [by]
        nulls = self.column.is_(None)
        return [nulls.desc() if back else nulls.asc(), by]


def _key(column: Any, unique: bool) -> _Key:
    down = False
    while isinstance(column, UnaryExpression) and column.modifier in (operators.desc_op, operators.asc_op):
        down = column.modifier is operators.desc_op
        column = column.element
    expression = column.__clause_element__() if hasattr(column, "__clause_element__") else column
    return _Key(expression, down, not unique and bool(getattr(expression, "nullable", True)))


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows whose first ``nulls`` order columns are NULL and whose next one is not (or that is the unique key)."""

    nulls: int
    keys: tuple[_Key, ...]

    @property
    def where(self) -> list[ColumnElement[bool]]:
        """What holds for all rows of the block."""
        found: list[ColumnElement[bool]] = [k.column.is_(None) for k in self.keys[: self.nulls]]
        leading = self.keys[self.nulls]
        return [*found, leading.column.is_not(None)] if leading.nullable else found

    def order(self, back: bool) -> list[ColumnElement[Any]]:
        """Sorting inside the block."""
        rest = self.keys[self.nulls :]
        return [term for i, key in enumerate(rest) for term in key.order(back, leading=i == 0)]

    def beyond(self, values: Sequence[Any], back: bool) -> list[ColumnElement[bool]]:
        """Rows of the block behind the row with these values."""
        rest, seen = self.keys[self.nulls :], values[self.nulls :]
        either = [
            and_(*(k.same(v) for k, v in zip(rest[:i], seen[:i], strict=True)), rest[i].after(seen[i], back))
            for i in range(len(rest))
        ]
        # Says nothing new, but lets an index start reading where the page starts.
        lead = rest[0].column <= seen[0] if rest[0].down != back else rest[0].column >= seen[0]
        return [lead, or_(*either)] if len(rest) > 1 else [or_(*either)]


def _blocks(keys: tuple[_Key, ...]) -> Iterator[_Block]:
    for nulls, key in enumerate(keys):
        yield _Block(nulls, keys)
        if not key.nullable:
            return


class Page:
    """One page of a list. ``rows`` holds what the statement selects: objects, or tuples for several columns."""

    def __init__(self, rows: list[Any], *, size: int, count: Any, urls: Mapping[str, str], sort: str = "") -> None:
        self.rows = rows
        self.size = size
        self.sizes = SIZES
        self.sort = sort
        self.previous_url = urls.get("previous", "")
        self.next_url = urls.get("next", "")
        self.first_url = urls.get("first", "")
        self._count = count

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def total(self) -> int:
        """Number of rows of the whole list, not counted beyond ``MOST`` + 1."""
        return int(self._count())

    @property
    def total_text(self) -> str:
        """The total for people: ``326``, or ``10,000+``."""
        return f"{MOST:,}+" if self.total > MOST else f"{self.total:,}"

    @property
    def path(self) -> str:
        """Address of the list without its question."""
        return request.path

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What a new page size keeps of the address: filters and sorting, not the place."""
        return [(k, v) for k, v in request.args.items(multi=True) if k not in {*_OWN, "size"}]

    def sorted_by(self, name: str) -> str:
        """``ascending``, ``descending`` or "" for ``aria-sort`` of the column of that name."""
        return "ascending" if self.sort == name else "descending" if self.sort == f"-{name}" else ""

    def sort_url(self, name: str) -> str:
        """Address that sorts by this column; the other way round when it already does."""
        return _url(sort=f"-{name}" if self.sort == name else name)

    @classmethod
    def of(
        cls,
        statement: Select[Any],
        *order: Any,
        session: Session | None = None,
        sorts: Mapping[str, Any] | None = None,
        default_sort: str = "",
        size: int | None = None,
        cursor: str | None = None,
    ) -> Page:
        """The page this request asks for, by ``cursor``, ``size`` and ``sort`` of its address.

        Args:
            statement: what to list; no ``order_by``, ``limit``, ``distinct`` or ``group_by`` of its own.
            *order: columns, each perhaps ``.desc()``; the last is unique and not NULL (mostly the id).
            session: where to read; by default the request's own scoped session.
            sorts: columns the user may sort by, under the names ``sort=name`` and ``sort=-name`` in the address; the
                chosen one goes before ``order``.
            default_sort: one of those names, when the address has none.
            size: rows a page; by default from the address, of 20, 50 or 100.
            cursor: the place; by default from the address. One that is forged or of another list starts at the top.
        """
        if not order:
            raise TypeError("Page.of needs the columns to order by, at least the unique key")
        sort = _chosen_sort(sorts, default_sort)
        chosen = [_directed(cast(Mapping[str, Any], sorts), sort)] if sort else []
        keys = tuple(_key(c, unique=i == len(chosen) + len(order)) for i, c in enumerate([*chosen, *order], 1))
        reader = _Reader(statement, keys, session or cast(Session, db.session()), size or _asked_size())
        return reader.page(cls, cursor if cursor is not None else _asked("cursor"), sort)


class _Reader:
    """Reads one page of one statement."""

    def __init__(self, statement: Select[Any], keys: tuple[_Key, ...], session: Session, size: int) -> None:
        self.statement = statement
        self.keys = keys
        self.session = session
        self.size = size
        self.width = len(statement.column_descriptions)
        terms = [f"{k.column}:{k.down}:{k.nullable}" for k in keys]
        self.purpose = hashlib.sha256("|".join(terms).encode()).hexdigest()[:16]

    def page(self, kind: type[Page], cursor: str, sort: str) -> Page:
        way, values = self._open(cursor)
        back = way == _BACK
        found = self._fetch(values, back)
        more, found = len(found) > self.size, found[: self.size]
        if back:
            if len(found) < self.size:  # the top is nearer than a page: show a full first page
                return self.page(kind, "", sort)
            found.reverse()
        urls = self._urls(found, older=more if back else values is not None, newer=True if back else more)
        rows = [row[0] if self.width == 1 else tuple(row[: self.width]) for row in found]
        return kind(rows, size=self.size, count=self._count, urls=urls, sort=sort)

    def _open(self, cursor: str) -> tuple[str, list[Any] | None]:
        if not cursor:
            return _FORWARD, None
        try:
            way, *values = unseal(current_app.config["SECRET_KEY"], self.purpose, cursor)
        except BadCursor:
            return _FORWARD, None
        return way, values

    def _fetch(self, values: list[Any] | None, back: bool) -> list[Any]:
        blocks = list(_blocks(self.keys))
        start = 0 if values is None else _block_of(blocks, values)
        todo = list(reversed(blocks[: start + 1])) if back else blocks[start:]
        found: list[Any] = []
        for block in todo:
            wanted = self.size + 1 - len(found)
            if wanted <= 0:
                break
            beyond = block.beyond(values, back) if values is not None and block is blocks[start] else []
            statement = self.statement.where(*block.where, *beyond).order_by(*block.order(back)).limit(wanted)
            marked = statement.add_columns(*(k.column.label(f"keyset_{i}") for i, k in enumerate(self.keys)))
            found.extend(self.session.execute(marked).all())
        return found

    def _urls(self, found: list[Any], *, older: bool, newer: bool) -> dict[str, str]:
        if not has_request_context():
            return {}
        urls: dict[str, str] = {}
        if older:
            urls["first"] = _url()
        if found and older:
            urls["previous"] = _url(cursor=self.cursor(found[0], _BACK))
        if found and newer:
            urls["next"] = _url(cursor=self.cursor(found[-1], _FORWARD))
        return urls

    def cursor(self, row: Any, way: str) -> str:
        return seal(current_app.config["SECRET_KEY"], self.purpose, [way, *row[self.width :]])

    def _count(self) -> int:
        last = self.keys[-1].column
        plain = self.statement.order_by(None)
        # Counting a million rows to say "10,000+" is wasted; one look at the row behind the cap is not.
        behind = plain.with_only_columns(last, maintain_column_froms=True).offset(MOST).limit(1)
        if self.session.execute(behind).first() is not None:
            return MOST + 1
        counted = plain.with_only_columns(func.count(last), maintain_column_froms=True)
        return int(self.session.execute(counted).scalar_one())


def _block_of(blocks: list[_Block], values: Sequence[Any]) -> int:
    return next(i for i, b in enumerate(blocks) if values[b.nulls] is not None or not b.keys[b.nulls].nullable)


def _directed(sorts: Mapping[str, Any], sort: str) -> Any:
    return sorts[sort[1:]].desc() if sort.startswith("-") else sorts[sort]


def _chosen_sort(sorts: Mapping[str, Any] | None, default: str) -> str:
    offered = [s for s in (_asked("sort"), default) if sorts and s.removeprefix("-") in sorts]
    return offered[0] if offered else ""


def _asked(name: str) -> str:
    return request.args.get(name, "") if has_request_context() else ""


def _asked_size() -> int:
    text = _asked("size")
    return int(text) if text.isascii() and text.isdigit() and int(text) in SIZES else SIZES[0]


def _url(**changes: str) -> str:
    """This request's address with these questions put in place; always without the old place in the list."""
    kept = [(k, v) for k, v in request.args.items(multi=True) if k not in {*_OWN, *changes}]
    question = urlencode([*kept, *((k, v) for k, v in changes.items() if v)])
    return f"{request.path}?{question}" if question else request.path


__all__ = ["MOST", "SIZES", "Page"]
