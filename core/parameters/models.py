"""Stored overrides of declared parameters, and the number that tells caches they changed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.types import now


class StoredParameter(CoreBase):
    """One value somebody set. The one in force is the latest whose ``valid_from`` has come; older ones are history."""

    __tablename__ = "core_parameter"
    __table_args__ = (Index("ix_core_parameter_name_from", "name", "valid_from"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    value: Mapped[str] = mapped_column(Text)
    valid_from: Mapped[datetime]
    set_at: Mapped[datetime] = mapped_column(default=now)
    set_by: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Text, default="")


class ParameterEpoch(CoreBase):
    """A single row, raised in the transaction that stores a value; every process compares it before using its cache."""

    __tablename__ = "core_parameter_epoch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int]
