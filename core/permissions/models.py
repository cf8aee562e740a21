"""Roles, what they grant, and who holds them."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.db.base import CoreBase


class Kind(StrEnum):
    """What a role is for. The last three are the administrators that exclude each other and everybody else."""

    BUSINESS = "business"
    SYSTEM = "system"
    SECURITY = "security"
    AUDIT = "audit"

    @property
    def administers(self) -> bool:
        """True for the three administrators."""
        return self is not Kind.BUSINESS


class Scope(StrEnum):
    """How far a grant reaches."""

    OWN = "own"
    BRANCH = "branch"
    BRANCH_BELOW = "branch_below"
    BANK = "bank"
    LISTED = "listed"


class Effect(StrEnum):
    """Whether a grant gives or takes. Taking wins."""

    ALLOW = "allow"
    DENY = "deny"


class Role(CoreBase):
    """A named bundle of grants."""

    __tablename__ = "core_role"
    __table_args__ = (CheckConstraint("kind IN ('business', 'system', 'security', 'audit')", name="kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(10), default=Kind.BUSINESS.value)
    grants: Mapped[list[Grant]] = relationship(back_populates="role", cascade="all, delete-orphan")


class Grant(CoreBase):
    """One action, or all actions under a prefix (``customers.*``), with its scope and business line."""

    __tablename__ = "core_grant"
    __table_args__ = (
        CheckConstraint("effect IN ('allow', 'deny')", name="effect"),
        CheckConstraint("scope IN ('own', 'branch', 'branch_below', 'bank', 'listed')", name="scope"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("core_role.id", ondelete="CASCADE"), index=True)
    action: Mapped[str] = mapped_column(String(120))
    effect: Mapped[str] = mapped_column(String(5), default=Effect.ALLOW.value)
    scope: Mapped[str] = mapped_column(String(12), default=Scope.BANK.value)
    line: Mapped[str | None] = mapped_column(String(20))
    """Business line; None means all."""
    role: Mapped[Role] = relationship(back_populates="grants")
    organisations: Mapped[list[GrantOrganisation]] = relationship(cascade="all, delete-orphan")


class GrantOrganisation(CoreBase):
    """A branch of a grant with scope ``listed``."""

    __tablename__ = "core_grant_organisation"

    grant_id: Mapped[int] = mapped_column(ForeignKey("core_grant.id", ondelete="CASCADE"), primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("core_organisation.id"), primary_key=True)


class UserRole(CoreBase):
    """A role held by a user, from one day to another, both inclusive."""

    __tablename__ = "core_user_role"
    __table_args__ = (
        UniqueConstraint("user_id", "role_id", "org_id", "valid_from", name="uq_core_user_role_held"),
        Index("ix_core_user_role_user", "user_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("core_user.id"))
    role_id: Mapped[int] = mapped_column(ForeignKey("core_role.id"), index=True)
    org_id: Mapped[int | None] = mapped_column(ForeignKey("core_organisation.id"))
    """Where the role is held, when that is not where the employee works."""
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    role: Mapped[Role] = relationship()
