"""What keeps one person from making the rules for themselves, or from leaving nobody who could mend them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.monitoring import audit
from core.monitoring.models import AuditEntry
from core.permissions.decisions import allowed_in
from core.permissions.models import Effect, Grant, Role, UserRole
from core.permissions.reach import covers
from core.permissions.roles import MANAGE


def ever_held(session: Session, action: str) -> bool:
    """Whether anybody, active or not, was ever given a role that granted the action at any time.

    What was taken away again is read from the audit trail, which nobody can shorten.
    """
    if _given(session, action):
        return True
    granted = _details(session, "core.grant.added")
    roles = {d["role"] for d in granted if d["effect"] == Effect.ALLOW and covers(d["action"], action)}
    return bool(roles) and any(detail["role"] in roles for detail in _details(session, "core.role.assigned"))


def _details(session: Session, action: str) -> Iterator[dict[str, str]]:
    found = session.scalars(select(AuditEntry.detail).where(AuditEntry.action == action))
    return (detail for detail in found if detail is not None)


def _given(session: Session, action: str) -> set[int]:
    """Users with a role that grants the action, whether or not it counts for them today."""
    held = session.execute(
        select(UserRole.user_id, Grant.action)
        .join(Grant, Grant.role_id == UserRole.role_id)
        .where(Grant.effect == Effect.ALLOW.value)
        .distinct()
    )
    return {user_id for user_id, granted in held if covers(granted, action)}


def check_not_own(session: Session, role: Role, user_id: int | None) -> None:
    """Hold a change of a role's grants to two people: who holds the role does not say what it may do.

    Raises:
        ValueError: that user has been given the role.
    """
    own = select(UserRole.id).where(UserRole.role_id == role.id, UserRole.user_id == user_id)
    if session.scalar(own.limit(1)) is not None:
        raise ValueError(f"nobody changes the grants of a role they hold, as you hold {role.name}")


@contextmanager
def keeping_a_manager(session: Session, *, emergency: bool) -> Iterator[None]:
    """What is done inside leaves somebody who may manage roles today, if there was somebody before.

    Two such changes wait for each other, lest each count on the person the other takes away.

    Args:
        session: the transaction of the changes; the caller commits it afterwards.
        emergency: let it happen all the same.

    Raises:
        ValueError: nobody would be left.
    """
    audit.take_turns(session, MANAGE.name)
    managed = _managed(session)
    yield
    if managed and not emergency and not _managed(session):
        raise ValueError(f"nobody would be left who holds {MANAGE.name}; give it to somebody else first")


def _managed(session: Session) -> bool:
    return any(allowed_in(session, user_id, MANAGE.name) for user_id in sorted(_given(session, MANAGE.name)))
