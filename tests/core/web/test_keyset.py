"""Walking through lists: exact order, no row twice, none left out, whatever the NULLs and ties."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Integer, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from core.web.cursor import BadCursor, seal, unseal
from core.web.keyset import MOST, Page

pytestmark = pytest.mark.database("empty")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "keyset_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    score: Mapped[int | None] = mapped_column(Integer)
    name: Mapped[str | None] = mapped_column(String(20))
    rank: Mapped[int] = mapped_column(Integer)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def app() -> Flask:
    made = Flask(__name__)
    made.config["SECRET_KEY"] = "s" * 32
    return made


ORDERS = {
    "score": (Item.score, Item.id),
    "score down": (Item.score.desc(), Item.id),
    "name, score": (Item.name, Item.score.desc(), Item.id.desc()),
    "rank": (Item.rank.desc(), Item.id),
    "rank, name": (Item.rank, Item.name.desc(), Item.id),
    "id": (Item.id.desc(),),
}


def expected(rows: list[Item], order: str) -> list[int]:
    """The order as Python sorts: stable, from the last key to the first, NULLs always at the end."""
    result = sorted(rows, key=lambda r: r.id, reverse=order in {"name, score", "id"})
    by = {
        "score": [("score", False)],
        "score down": [("score", True)],
        "name, score": [("score", True), ("name", False)],
        "rank": [("rank", True)],
        "rank, name": [("name", True), ("rank", False)],
        "id": [],
    }[order]
    for name, down in by:
        filled = [r for r in result if getattr(r, name) is not None]
        empty = [r for r in result if getattr(r, name) is None]
        result = sorted(filled, key=lambda r: getattr(r, name), reverse=down) + empty
    return [r.id for r in result]


def ask(app: Flask, session: Session, url: str, order: str, size: int) -> Page:
    with app.test_request_context(url):
        return Page.of(select(Item), *ORDERS[order], session=session, size=size)


rows_of_any_kind = st.lists(
    st.tuples(st.none() | st.integers(-2, 2), st.none() | st.sampled_from(["a", "b", "ab", "王"]), st.integers(0, 2)),
    max_size=25,
)


@settings(deadline=None, max_examples=60)
@given(values=rows_of_any_kind, order=st.sampled_from(sorted(ORDERS)), size=st.integers(1, 7))
def test_walking_forward_then_back_meets_every_row_once_and_in_order(
    engine: Engine, app: Flask, values: list[tuple[int | None, str | None, int]], order: str, size: int
) -> None:
    with Session(engine) as session:
        session.add_all(Item(id=i, score=s, name=n, rank=r) for i, (s, n, r) in enumerate(values, 1))
        session.flush()
        right = expected(list(session.scalars(select(Item))), order)
        page = ask(app, session, "/list", order, size)
        assert not page.previous_url
        assert not page.first_url
        there = [[r.id for r in page]]
        while page.next_url:
            page = ask(app, session, page.next_url, order, size)
            there.append([r.id for r in page])
        assert [i for part in there for i in part] == right
        back = [there[-1]]
        while page.previous_url:
            page = ask(app, session, page.previous_url, order, size)
            back.append([r.id for r in page])
        assert back == list(reversed(there)), "the way back shows the same pages"
        assert page.total == len(right)
        session.rollback()


def test_a_row_inserted_while_walking_is_not_skipped_and_shifts_nothing(engine: Engine, app: Flask) -> None:
    with Session(engine) as session:
        session.add_all(Item(id=i, score=i, name=None, rank=0) for i in range(10, 60, 10))
        session.flush()
        first = ask(app, session, "/list", "score", 2)
        session.add(Item(id=5, score=5, name=None, rank=0))
        session.flush()
        second = ask(app, session, first.next_url, "score", 2)
        assert [r.id for r in first] == [10, 20]
        assert [r.id for r in second] == [30, 40]
        again = ask(app, session, second.previous_url, "score", 2)
        assert [r.id for r in again] == [10, 20]
        session.rollback()


def test_a_forged_or_foreign_cursor_starts_at_the_top(engine: Engine, app: Flask) -> None:
    with Session(engine) as session:
        session.add_all(Item(id=i, score=i, name=str(i), rank=i) for i in range(1, 8))
        session.flush()
        url = ask(app, session, "/list", "score", 2).next_url
        cursor = parse_qs(urlsplit(url).query)["cursor"][0]
        forged = ("A" if cursor[5] != "A" else "B").join([cursor[:5], cursor[6:]])
        for url, order in (
            (f"/list?cursor={forged}", "score"),
            (f"/list?cursor={cursor}", "id"),
            ("/list?cursor=ä", "score"),
        ):
            assert ask(app, session, url, order, 2).previous_url == ""
        session.rollback()


def test_the_cursor_shows_neither_names_nor_keys_and_filters_stay_in_the_address(engine: Engine, app: Flask) -> None:
    with Session(engine) as session:
        session.add_all(Item(id=i, score=1, name=f"Secret{i}", rank=0) for i in range(1, 5))
        session.flush()
        url = ask(app, session, "/list?q=x&q=y&cursor=old", "name, score", 2).next_url
        query = parse_qs(urlsplit(url).query)
        assert query["q"] == ["x", "y"]
        assert len(query["cursor"]) == 1
        assert b"Secret" not in base64.urlsafe_b64decode(query["cursor"][0] + "===")
        session.rollback()


def test_a_total_beyond_the_cap_is_not_counted_out(engine: Engine, app: Flask) -> None:
    with Session(engine) as session:
        session.bulk_insert_mappings(Item.__mapper__, [{"id": i, "rank": 0} for i in range(1, MOST + 50)])
        page = ask(app, session, "/list", "id", 2)
        assert page.total_text == "10,000+"
        session.rollback()
        session.bulk_insert_mappings(Item.__mapper__, [{"id": i, "rank": 0} for i in range(1, MOST + 1)])
        assert ask(app, session, "/list", "id", 2).total_text == "10,000"
        session.rollback()


def test_the_address_chooses_sorting_and_size_only_from_what_is_offered(engine: Engine, app: Flask) -> None:
    sorts = {"score": Item.score, "name": Item.name}
    with Session(engine) as session:
        session.add_all(Item(id=i, score=-i, name=None, rank=0) for i in range(1, 31))
        session.flush()

        def ids(url: str) -> list[int]:
            with app.test_request_context(url):
                page = Page.of(select(Item), Item.id, session=session, sorts=sorts, default_sort="score")
                assert page.sorted_by("score") == ("descending" if "sort=-score" in url else "ascending")
                return [r.id for r in page]

        assert ids("/list") == list(range(30, 10, -1))
        assert ids("/list?sort=-score&size=50") == list(range(1, 31))
        assert ids("/list?sort=drop+table&size=1000") == list(range(30, 10, -1))
        session.rollback()


def test_several_columns_come_as_tuples(engine: Engine, app: Flask) -> None:
    with Session(engine) as session, app.test_request_context("/list"):
        session.add(Item(id=1, score=3, name="a", rank=0))
        session.flush()
        page = Page.of(select(Item.id, Item.score), Item.id, session=session)
        assert page.rows == [(1, 3)]
        session.rollback()


def test_a_cursor_keeps_exact_types() -> None:
    values = [None, True, 3, "王", Decimal("1.10"), date(2026, 11, 23), datetime(2026, 11, 23, 8, 30, tzinfo=UTC)]
    text = seal("k" * 32, "list", values)
    assert unseal("k" * 32, "list", text) == values
    with pytest.raises(BadCursor):
        unseal("k" * 32, "other", text)
    with pytest.raises(TypeError):
        seal("k" * 32, "list", [object()])
