"""The table of requests."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import JSON, CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.types import now

State = Literal["pending", "approved", "applied", "failed", "rejected", "withdrawn"]
_OPEN = text("state = 'pending'")


class Approval(CoreBase):
    """A request for a change, with what it would change and who decided.

    ``approved`` means decided and not yet carried out; ``applied`` and ``failed`` are what came of it.
    """

    __tablename__ = "core_approval"
    __table_args__ = (
        Index("uq_core_approval_open", "kind", "subject", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_core_approval_state", "state", "requested_at"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by OR state = 'withdrawn'", name="two_people"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(80))
    subject: Mapped[str] = mapped_column(String(200))
    """What the change is about, such as the name of a plugin or a parameter; one open request of a kind each."""
    payload: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    reason: Mapped[str] = mapped_column(Text, default="")
    requested_by: Mapped[str] = mapped_column(String(64))
    requested_at: Mapped[datetime] = mapped_column(default=now)
    decided_by: Mapped[str | None] = mapped_column(String(64))
    decided_at: Mapped[datetime | None]
    decision_reason: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[str] = mapped_column(String(10), default="pending")
    outcome: Mapped[str] = mapped_column(Text, default="")
    """Why carrying it out failed."""
