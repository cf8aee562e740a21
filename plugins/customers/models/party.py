"""The customer: a person, company, bank or individual business this bank deals with."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.sdk.models import Encrypted, Money, UTCDateTime, Versioned
from plugins.customers.models.base import Base, sortable


class Party(Versioned, Base):
    """One customer of one legal entity.

    ``party_id`` is the number people see. It is counted up, never given twice, and says nothing about its bearer.
    Columns down to ``status`` belong to the source system; ``short_name`` and ``remark`` belong to the CRM.
    """

    __tablename__ = "customers_party"
    __table_args__ = (
        CheckConstraint("kind IN ('P', 'C', 'F', 'I')", name="kind"),
        Index("ix_customers_party_sort_name", "sort_name", "id"),
        Index("ix_customers_party_open_date", "open_date", "id"),
        # Tells who is in reach of a branch without a look at the rows. The id is no key of it, or PostgreSQL would look
        # for all that a search has found once under each branch.
        Index("ix_customers_party_home", "home_org_id", "kind", postgresql_include=["id"]),
    )
    __scope__: ClassVar[dict[str, str]] = {"customers.party": "id"}

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    party_id: Mapped[str] = mapped_column(sortable(20), unique=True)
    legal_entity: Mapped[str] = mapped_column(String(20), index=True)
    kind: Mapped[str] = mapped_column(String(1), index=True)
    name: Mapped[str | None] = mapped_column(String(800), info={"class": "C2.name"})
    sort_name: Mapped[str] = mapped_column(sortable(200))
    home_org_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"))
    source_org_code: Mapped[str | None] = mapped_column(String(60))
    """The organisation as the source wrote it: shown when nobody here has that code."""

    cert_type: Mapped[str | None] = mapped_column(String(60))
    cert_no: Mapped[str | None] = mapped_column(Encrypted("customers.cert_no"), info={"class": "C2.id_no"})
    cert_index: Mapped[str | None] = mapped_column(String(64), index=True)
    cert_last4_index: Mapped[str | None] = mapped_column(String(64), index=True)
    mobile: Mapped[str | None] = mapped_column(Encrypted("customers.mobile"), info={"class": "C2.mobile"})
    mobile_index: Mapped[str | None] = mapped_column(String(64), index=True)
    mobile_last4_index: Mapped[str | None] = mapped_column(String(64), index=True)
    address: Mapped[str | None] = mapped_column(Encrypted("customers.address"), info={"class": "C2.address"})
    email: Mapped[str | None] = mapped_column(Encrypted("customers.email"), info={"class": "C2.email"})

    gender: Mapped[str | None] = mapped_column(String(20))
    birth_date: Mapped[date | None]
    nationality: Mapped[str | None] = mapped_column(String(80))
    occupation: Mapped[str | None] = mapped_column(String(200))
    legal_rep: Mapped[str | None] = mapped_column(Encrypted("customers.legal_rep"), info={"class": "C2.name"})
    industry: Mapped[str | None] = mapped_column(String(200))
    reg_capital: Mapped[Decimal | None] = mapped_column(Money())
    open_date: Mapped[date | None]
    status: Mapped[str | None] = mapped_column(String(60))

    short_name: Mapped[str | None] = mapped_column(String(40))
    remark: Mapped[str | None] = mapped_column(String(500))

    source_hash: Mapped[str] = mapped_column(String(64))
    """Keyed hash of the row as delivered: an unchanged row is not written again."""
    source_date: Mapped[date]
    """Business day of the delivery that last changed this row."""
    source_deleted_at: Mapped[datetime | None] = mapped_column(UTCDateTime())
    """When a full delivery came without this customer; nothing is ever deleted for it."""
