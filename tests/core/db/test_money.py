"""Money is exact on both databases: as written, as read, as compared and as added up by the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, delete, func, insert, select
from sqlalchemy.exc import StatementError

from core.db.session import install
from core.db.types import LARGEST, Money, exact, to_cents

pytestmark = pytest.mark.database("empty")

FEN = 2**63 - 1  # the largest amount, in fen
BOOKS = Table("m_books", MetaData(), Column("id", Integer, primary_key=True), Column("amount", Money()))

amounts = st.integers(-FEN, FEN).map(lambda fen: Decimal(fen).scaleb(-2))
# Sums of several rows must themselves fit; SQLite adds up whole fen in 64 bits.
summands = st.integers(-(10**15), 10**15).map(lambda fen: Decimal(fen).scaleb(-2))
CORNERS = [
    LARGEST,
    -LARGEST,
    *map(Decimal, ("0", "0.01", "-0.01", "0.1", "0.29", "1.10", "-1234.56", "90071992547409.93")),
]


@pytest.fixture
def books(database_url: str) -> Iterator[Connection]:
    engine = create_engine(database_url)
    install(engine)
    BOOKS.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def keep(books: Connection, values: list[Decimal | int | None]) -> None:
    books.execute(delete(BOOKS))
    books.execute(insert(BOOKS), [{"id": n, "amount": value} for n, value in enumerate(values)])


@settings(max_examples=40)
@given(values=st.lists(amounts | st.none(), min_size=1, max_size=8))
def test_what_is_written_is_read(books: Connection, values: list[Decimal | None]) -> None:
    keep(books, [*values, *CORNERS])
    read = list(books.scalars(select(BOOKS.c.amount).order_by(BOOKS.c.id)))
    assert read == [*values, *CORNERS]
    assert all(value is None or value.as_tuple().exponent == -2 for value in read)


@settings(max_examples=40)
@given(values=st.lists(summands, min_size=1, max_size=30))
def test_the_database_adds_up_to_the_fen(books: Connection, values: list[Decimal]) -> None:
    keep(books, [*values])
    row = books.execute(select(func.sum(BOOKS.c.amount), func.min(BOOKS.c.amount), func.max(BOOKS.c.amount))).one()
    assert tuple(row) == (sum(values), min(values), max(values))
    difference = select(func.sum(BOOKS.c.amount) - func.min(BOOKS.c.amount))
    assert books.scalar(difference) == sum(values) - min(values)


@settings(max_examples=40)
@given(values=st.lists(summands, min_size=1, max_size=12), edge=summands)
def test_comparisons_and_order_are_those_of_the_numbers(
    books: Connection, values: list[Decimal], edge: Decimal
) -> None:
    keep(books, [*values])
    assert list(books.scalars(select(BOOKS.c.amount).order_by(BOOKS.c.amount))) == sorted(values)
    above = select(BOOKS.c.amount).where(BOOKS.c.amount > edge).order_by(BOOKS.c.amount)
    assert list(books.scalars(above)) == sorted(value for value in values if value > edge)
    assert set(books.scalars(select(BOOKS.c.amount).where(BOOKS.c.amount.in_([*values[:2], edge])))) == {
        value for value in values if value in {*values[:2], edge}
    }


def test_ten_thousand_dimes_are_a_thousand_yuan(books: Connection) -> None:
    books.execute(insert(BOOKS), [{"id": n, "amount": Decimal("0.10")} for n in range(10_000)])
    assert books.scalar(select(func.sum(BOOKS.c.amount))) == Decimal("1000.00")


@pytest.mark.parametrize(
    "value",
    [
        0.1, 1.0, float("nan"), "1.00", True, Decimal("NaN"), Decimal("Infinity"), Decimal("0.001"),
        Decimal("-1.005"), LARGEST + Decimal("0.01"), 10**18, -(10**18),
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused_before_it_is_sent(books: Connection, value: Any) -> None:
    with pytest.raises(StatementError) as caught:
        books.execute(insert(BOOKS).values(id=1, amount=value))
    assert isinstance(caught.value.orig, ValueError)
    books.rollback()
    assert books.scalar(select(func.count()).select_from(BOOKS)) == 0


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4))
def test_rounding_is_half_up_and_keeps_the_sign(value: Decimal) -> None:
    rounded = to_cents(value)
    assert rounded == value.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert to_cents(-value) == -rounded
    assert not (rounded == 0 and rounded.is_signed())
    assert exact(rounded) == rounded
    if rounded != value:
        with pytest.raises(ValueError, match="more than two decimals"):
            exact(value)
