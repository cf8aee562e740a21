"""By which texts a customer's name is found."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from plugins.customers.models.base import Base, sortable


class NameEntry(Base):
    """One text whose beginning finds the customer: a part of the name, its pinyin, its initials."""

    __tablename__ = "customers_name_entry"
    __table_args__ = (Index("ix_customers_name_entry_text", "text", "party_id"),)
    __scope__: ClassVar[dict[str, str]] = {"customers.party": "party_id"}

    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("customers_party.id"), index=True)
    text: Mapped[str] = mapped_column(sortable(60))
