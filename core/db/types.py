"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import BigInteger, DateTime, Dialect, Numeric, TypeDecorator
from sqlalchemy.types import TypeEngine

CENT = Decimal("0.01")
LARGEST = Decimal(2**63 - 1).scaleb(-2)
"""92,233,720,368,547,758.07, what 64 bits hold in fen; the same on both databases, so that data can move."""


class Money(TypeDecorator[Decimal]):
    """An exact amount with two decimals: whole fen on SQLite, NUMERIC(20,2) on PostgreSQL.

    Accepts ``Decimal`` and ``int``. A float, or more than two decimals, is a programming error and raises
    ``ValueError``; round with :func:`to_cents` first.
    """

    impl = Numeric(20, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Integer where the database has no exact decimal."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else Numeric(20, 2))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Decimal to what the column holds."""
        if value is None:
            return None
        amount = exact(value)
        return int(amount * 100) if dialect.name == "sqlite" else amount

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """What the column holds to Decimal with two places."""
        if value is None:
            return None
        return (Decimal(int(value)) / 100).quantize(CENT) if dialect.name == "sqlite" else Decimal(value).quantize(CENT)

    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        """As a literal in SQL, for compiled statements that carry no parameters."""
        return str(self.process_bind_param(value, dialect))


def exact(value: Any) -> Decimal:
    """``value`` as an amount of at most two decimals.

    Raises:
        ValueError: a float, not a number, more than two decimals, or beyond :data:`LARGEST`.
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise ValueError(f"money must be Decimal or int, not {type(value).__name__}")
    amount = Decimal(value)
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise ValueError("amount out of range")
    cents = amount.quantize(CENT)
    if cents != amount:
        raise ValueError(f"{amount} has more than two decimals; round it first")
    return cents + 0  # -0.00 becomes 0.00


def to_cents(value: Decimal) -> Decimal:
    """Half-up to two decimals, as handbooks of Chinese banks round; never ``-0.00``."""
    return value.quantize(CENT, ROUND_HALF_UP) + 0


class UTCDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC. SQLite forgets the zone; this gives it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive moments: nobody can know which clock they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Always aware, always UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day it is at the bank, by the configured ``timezone``; the servers' clock may be a day behind."""
    return now().astimezone(ZoneInfo(current_app.config["CRM"].timezone)).date()
