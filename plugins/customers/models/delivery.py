"""What was last taken in from each source, and the counter customer numbers come from."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from core.sdk.models import UTCDateTime
from plugins.customers.models.base import Base


class Delivery(Base):
    """The newest delivery of customers one source made. An older day published later changes no customer."""

    __tablename__ = "customers_delivery"

    source: Mapped[str] = mapped_column(String(60), primary_key=True)
    legal_entity: Mapped[str] = mapped_column(String(20))
    business_date: Mapped[date]
    rows: Mapped[int]
    added: Mapped[int]
    changed: Mapped[int]
    gone: Mapped[int]
    unknown_orgs: Mapped[int]
    """Rows whose organisation code nobody here has."""
    at: Mapped[datetime] = mapped_column(UTCDateTime())


class Counter(Base):
    """The next number of a sequence. Numbers are taken in blocks and never given back."""

    __tablename__ = "customers_counter"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    next: Mapped[int]
