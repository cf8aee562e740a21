"""The audit table. Rows are only ever added; see :mod:`core.monitoring.append_only`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.types import now
from core.monitoring import append_only


class AuditEntry(CoreBase):
    """One thing somebody did, written in the transaction that did it.

    ``user_id`` carries no foreign key: monitoring stands below auth, and an entry must outlive whatever it names.
    """

    __tablename__ = "core_audit"
    __table_args__ = (
        Index("ix_core_audit_subject_key", "subject", "key"),
        Index("ix_core_audit_user_at", "user_id", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    user_id: Mapped[int | None]
    action: Mapped[str] = mapped_column(String(120), index=True)
    subject: Mapped[str | None] = mapped_column(String(80))
    key: Mapped[str | None] = mapped_column(String(120))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text, default="")
    request_id: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(45))


append_only.protect(AuditEntry.__tablename__)
