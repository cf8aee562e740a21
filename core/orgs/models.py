"""Organisations, the employees who work in them, and the posts they hold.

Dates are business days, both ends inclusive; ``valid_to`` None means open.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase


class Level(StrEnum):
    """Height in the tree, from the top. A child always stands on a lower level than its parent."""

    HEAD = "HEAD"
    BRANCH = "BRANCH"
    SUBBRANCH = "SUBBRANCH"
    OUTLET = "OUTLET"

    @property
    def depth(self) -> int:
        """0 for the head office, 3 for an outlet."""
        return list(Level).index(self)


class Organisation(CoreBase):
    """A place of the bank as it stands today. Where it stood on other days: :class:`Placement`."""

    __tablename__ = "core_organisation"
    __table_args__ = (CheckConstraint("level IN ('HEAD', 'BRANCH', 'SUBBRANCH', 'OUTLET')", name="level"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    level: Mapped[str] = mapped_column(String(10))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"), index=True)
    path: Mapped[str] = mapped_column(String(200), index=True)
    """Ids from the root to this one: ``/1/4/9/``. A subtree is a prefix."""
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    merged_into_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"), index=True)
    heir_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"), index=True)
    """What stands for it today, however often what it merged into was merged again: scopes need not climb."""


class Placement(CoreBase):
    """Under which parent an organisation stood from one day to another."""

    __tablename__ = "core_organisation_placement"
    __table_args__ = (Index("ix_core_organisation_placement_org_from", "org_id", "valid_from"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("core_organisation.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Employee(CoreBase):
    """A person who works for the bank; may or may not have a user."""

    __tablename__ = "core_employee"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(20), unique=True)
    """工号, as the personnel system writes it."""
    name: Mapped[str] = mapped_column(String(80))
    org_id: Mapped[int] = mapped_column(ForeignKey("core_organisation.id"), index=True)
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Post(CoreBase):
    """An employee's post in an organisation over a time; one may hold several at once."""

    __tablename__ = "core_post"

    id: Mapped[int] = mapped_column(primary_key=True)
    employee_id: Mapped[int] = mapped_column(ForeignKey("core_employee.id"), index=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("core_organisation.id"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
