"""What is due, what ran, and who runs it: kept in the database so that a new leader misses nothing."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase

RunState = Literal["queued", "running", "done", "failed", "killed", "skipped"]


class Lease(CoreBase):
    """A role only one process holds at a time. ``token`` grows with each holder, so an old holder can be told apart."""

    __tablename__ = "core_lease"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str] = mapped_column(String(80))
    token: Mapped[int]
    until: Mapped[datetime]


class JobRow(CoreBase):
    """One declared job with the schedule bank IT gave it."""

    __tablename__ = "core_job"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(16))
    schedule: Mapped[str | None] = mapped_column(String(80))
    paused: Mapped[bool] = mapped_column(default=False)
    next_due: Mapped[datetime | None]


class Run(CoreBase):
    """One run of a job."""

    __tablename__ = "core_job_run"
    __table_args__ = (Index("ix_core_job_run_state", "state", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(ForeignKey("core_job.name"), index=True)
    business_date: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), default="queued")
    attempt: Mapped[int] = mapped_column(default=1)
    requested_by: Mapped[str] = mapped_column(String(80), default="")
    queued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    fence: Mapped[int | None]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    message: Mapped[str] = mapped_column(String(400), default="")
    log: Mapped[str] = mapped_column(Text, default="")
