"""What the database remembers of its migrations, beside the revision in each owner's version table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.types import now


class MigrationRun(CoreBase):
    """One attempt to change one owner's schema. ``error`` is empty when it succeeded."""

    __tablename__ = "core_migration_run"

    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(16), index=True)
    from_revision: Mapped[str] = mapped_column(String(32), default="")
    to_revision: Mapped[str] = mapped_column(String(32), default="")
    ended_at: Mapped[datetime] = mapped_column(default=now)
    error: Mapped[str] = mapped_column(Text, default="")


class Backfill(CoreBase):
    """How far an online backfill has come; the row goes when its revision has been applied."""

    __tablename__ = "core_backfill"

    plugin: Mapped[str] = mapped_column(String(16), primary_key=True)
    revision: Mapped[str] = mapped_column(String(32), primary_key=True)
    position: Mapped[Any] = mapped_column(JSON, nullable=True)
    """What the file's ``backfill`` gave last: the key of the last row it did."""
    finished: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime] = mapped_column(default=now)
