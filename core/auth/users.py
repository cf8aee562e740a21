"""Users: making, switching off and on, passwords. Every change is audited in its own transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import parameters
from core.auth import sessions
from core.auth.models import User
from core.auth.passwords import Hasher, Weakness, weaknesses
from core.monitoring import audit


class UserError(Exception):
    """The change cannot be made. The message says why."""


class WeakPassword(UserError):
    """The new password breaks the policy."""

    def __init__(self, found: list[Weakness]) -> None:
        super().__init__(f"the password breaks the policy: {', '.join(w.flaw for w in found)}")
        self.weaknesses = found


def normal(username: str) -> str:
    """The one spelling of a user name: no blanks around it, lower case."""
    return username.strip().casefold()


def by_username(session: Session, username: str) -> User | None:
    """The user of that name, in any spelling."""
    return session.scalars(select(User).where(User.username == normal(username))).one_or_none()


def need(session: Session, username: str) -> User:
    """The user of that name.

    Raises:
        UserError: there is none.
    """
    user = by_username(session, username)
    if user is None:
        raise UserError(f"no user {username!r}")
    return user


def check_policy(username: str, password: str) -> None:
    """Hold a new password to the policy in force.

    Raises:
        WeakPassword: with everything that is wrong.
    """
    found = weaknesses(
        username,
        password,
        min_length=parameters.get("auth.password_min_length"),
        classes=parameters.get("auth.password_classes"),
    )
    if found:
        raise WeakPassword(found)


def create(
    session: Session,
    username: str,
    password: str | None,
    *,
    hasher: Hasher,
    at: datetime,
    employee_id: int | None = None,
    must_change: bool = True,
    by: str = "",
) -> User:
    """A new user. The password is not held to the policy here: seeds set what they are told to.

    Args:
        password: None for users whom only another directory recognises.
        must_change: the first sign-in leads to a new password.

    Raises:
        UserError: the name is taken, empty, too long, or has blanks in it.
    """
    name = normal(username)
    if not name or len(name) > 64 or any(c.isspace() or not c.isprintable() for c in name):
        raise UserError(f"{username!r} cannot be a user name: 1 to 64 characters without blanks")
    if by_username(session, name) is not None:
        raise UserError(f"user {name!r} exists already")
    user = User(
        username=name,
        employee_id=employee_id,
        created_at=at,
        password_hash=None if password is None else hasher.hash(password),
        password_changed_at=None if password is None else at,
        must_change_password=must_change and password is not None,
    )
    session.add(user)
    session.flush()
    audit.record(session, "auth.user.created", subject="core.user", key=user.id, detail={"by": by})
    return user


def disable(session: Session, username: str, *, at: datetime, by: str, reason: str) -> int:
    """Switch a user off and end what they have open, at once. How many sessions were ended.

    Raises:
        UserError: no such user, or no reason.
    """
    if not reason.strip():
        raise UserError("disabling a user needs a reason")
    user = need(session, username)
    user.active = False
    ended = sessions.end_all(session, user.id, "disabled", at)
    audit.record(session, "auth.user.disabled", subject="core.user", key=user.id, detail={"by": by}, reason=reason)
    session.flush()
    return ended


def enable(session: Session, username: str, *, by: str, reason: str = "") -> None:
    """Switch a user on again.

    Raises:
        UserError: no such user.
    """
    user = need(session, username)
    user.active = True
    audit.record(session, "auth.user.enabled", subject="core.user", key=user.id, detail={"by": by}, reason=reason)
    session.flush()


def set_password(
    session: Session, user: User, password: str, *, hasher: Hasher, at: datetime, must_change: bool, by: str
) -> None:
    """Give a user a password and end their sessions.

    Raises:
        WeakPassword: the password breaks the policy.
    """
    check_policy(user.username, password)
    user.password_hash = hasher.hash(password)
    user.password_changed_at = at
    user.must_change_password = must_change
    sessions.end_all(session, user.id, "password", at)
    audit.record(session, "auth.password.changed", subject="core.user", key=user.id, detail={"by": by})
    session.flush()


def listed(session: Session) -> list[User]:
    """All users by name."""
    return list(session.scalars(select(User).order_by(User.username)))
