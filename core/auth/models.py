"""Users, their server-side sessions, the counters behind lock-out, and half-filled forms."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.secrets import Encrypted
from core.db.types import now


class User(CoreBase):
    """Somebody who can sign in. Never deleted: history points to it."""

    __tablename__ = "core_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    """In lower case, without surrounding blanks."""
    employee_id: Mapped[int | None] = mapped_column(ForeignKey("core_employee.id"), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    """argon2id; None for users whom only another directory recognises."""
    active: Mapped[bool] = mapped_column(default=True)
    must_change_password: Mapped[bool] = mapped_column(default=False)
    password_changed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    signed_in_at: Mapped[datetime | None]
    """The latest sign-in. Written first by each, which makes two at once take turns."""


class UserSession(CoreBase):
    """One sign-in. The browser holds only a random token, and this row only the token's hash."""

    __tablename__ = "core_session"
    __table_args__ = (
        Index(
            "uq_core_session_open",
            "user_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("core_user.id"), index=True)
    method: Mapped[str] = mapped_column(String(40), default="password")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """Last activity, to the minute: it is written at most once a minute."""
    ended_at: Mapped[datetime | None]
    ended_why: Mapped[str | None] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")
    tabs: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)


class SignInCounter(CoreBase):
    """Failures of one account, one address, or both together, inside a window.

    Shared by all workers, hence a row and not memory.
    """

    __tablename__ = "core_sign_in_counter"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    """``pair:``, ``account:`` or ``address:`` and a keyed hash: people type passwords into the name field."""
    failures: Mapped[int]
    started_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class Draft(CoreBase):
    """A half-filled form, waiting for its own user to sign in again."""

    __tablename__ = "core_draft"
    __table_args__ = (UniqueConstraint("user_id", "url", name="uq_core_draft_user_url"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("core_user.id"))
    url: Mapped[str] = mapped_column(String(500))
    fields: Mapped[str] = mapped_column(Encrypted())
    """JSON text: field name to the list of its values."""
    saved_at: Mapped[datetime] = mapped_column(default=now, index=True)
