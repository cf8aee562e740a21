"""Which customer a source system means by its own number."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plugins.customers.models.base import Base


class Xref(Base):
    """A source's number of a customer. Facts in the warehouse carry these numbers, never ours."""

    __tablename__ = "customers_xref"
    __table_args__ = (
        UniqueConstraint("source", "source_cust_id"),
        Index("ix_customers_xref_number", "legal_entity", "source_cust_id"),
    )
    __scope__: ClassVar[dict[str, str]] = {"customers.party": "party_id"}
    __warehouse_key__ = ("source", "source_cust_id")
    """How facts name a customer: the warehouse looks here for whom a user may see."""

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(60))
    source_cust_id: Mapped[str] = mapped_column(String(60), index=True)
    legal_entity: Mapped[str] = mapped_column(String(20))
    party_id: Mapped[int] = mapped_column(ForeignKey("customers_party.id"), index=True)
    valid_from: Mapped[date]
