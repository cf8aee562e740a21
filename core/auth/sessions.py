"""Sign-ins as rows. The browser holds a random token; whoever reads the table cannot sign in with what is there."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from core.auth.models import User, UserSession
from core.auth.principal import EmployeeView, OrganisationView, Principal
from core.orgs.models import Employee, Organisation

Why = Literal["signed_out", "idle", "absolute", "taken_over", "disabled", "password"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The session that a new sign-in ended."""

    address: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A new session: the token for the cookie, and whom it threw out."""

    id: int
    token: str
    earlier: Earlier | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a token stands for: a live principal, or an ended session and why."""

    session_id: int
    user_id: int
    principal: Principal | None
    why: str | None
    ended_at: datetime | None
    touch_due: bool = False
    tabs: tuple[Mapping[str, Any], ...] = ()
    """The pages that were open when the request began; :mod:`core.auth.tabs` reads and writes them."""


def hashed(token: str) -> str:
    """What is stored of a token. Plain SHA-256 will do: it has 256 random bits, so there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def start(
    session: Session, user_id: int, *, at: datetime, idle: timedelta, address: str, agent: str, method: str = "password"
) -> Started:
    """Begin the user's one session and end any other.

    The first statement writes the user's row: it is the lock that makes two sign-ins at once take turns.
    """
    session.execute(update(User).where(User.id == user_id).values(signed_in_at=at))
    earlier: Earlier | None = None
    tabs: list[dict[str, Any]] = []
    still_open = select(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    for other in session.scalars(still_open.order_by(UserSession.id)):
        quiet = at - other.seen_at > idle
        earlier = earlier if quiet else Earlier(other.address, other.seen_at)
        tabs = other.tabs
        end(other, "idle" if quiet else "taken_over", at)
    session.flush()
    token = secrets.token_urlsafe(32)
    row = UserSession(
        token_hash=hashed(token),
        user_id=user_id,
        method=method[:40],
        created_at=at,
        seen_at=at,
        address=address[:45],
        agent=agent[:200],
        tabs=tabs,
    )
    session.add(row)
    session.flush()
    return Started(row.id, token, earlier)


def end(row: UserSession, why: Why, at: datetime) -> None:
    """Mark a session as over; one that is over already stays as it is."""
    if row.ended_at is None:
        row.ended_at, row.ended_why, row.tabs = at, why, []


def end_all(session: Session, user_id: int, why: Why, at: datetime) -> int:
    """End every open session of a user; how many there were."""
    open_ones = session.scalars(
        select(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    ).all()
    for row in open_ones:
        end(row, why, at)
    return len(open_ones)


_BY_TOKEN = (  # built once: every request asks it
    select(
        UserSession.id,
        UserSession.created_at,
        UserSession.seen_at,
        UserSession.ended_at,
        UserSession.ended_why,
        UserSession.tabs,
        User.id.label("user_id"),
        User.username,
        User.active,
        User.employee_id,
        User.must_change_password,
        User.password_hash.is_not(None).label("has_password"),
        Employee.number,
        Employee.name,
        Employee.org_id,
        Organisation.code.label("org_code"),
        Organisation.name.label("org_name"),
        Organisation.level.label("org_level"),
    )
    .select_from(UserSession)
    .join(User, User.id == UserSession.user_id)
    .outerjoin(Employee, Employee.id == User.employee_id)
    .outerjoin(Organisation, Organisation.id == Employee.org_id)
    .where(UserSession.token_hash == bindparam("token_hash"))
)


def find(session: Session, token: str, *, at: datetime, idle: timedelta, absolute: timedelta) -> Found | None:
    """What the token stands for at this moment; None for one that never was. Reads one row and writes nothing."""
    row = session.execute(_BY_TOKEN, {"token_hash": hashed(token)}).one_or_none()
    if row is None:
        return None
    why = row.ended_why or _expired(row, at, idle, absolute)
    principal = None if why else _principal(row)
    # Written at most once a minute, more often only where the idle time itself is short.
    due = at - row.seen_at >= min(timedelta(minutes=1), idle / 10)
    return Found(row.id, row.user_id, principal, why, row.ended_at, due, tuple(row.tabs or ()))


def _expired(row: Any, at: datetime, idle: timedelta, absolute: timedelta) -> Why | None:
    if not row.active:
        return "disabled"
    if at - row.created_at >= absolute:
        return "absolute"
    return "idle" if at - row.seen_at >= idle else None


def _principal(row: Any) -> Principal:
    place = person = None
    if row.org_code is not None:
        place = OrganisationView(row.org_id, row.org_code, row.org_name, row.org_level)
    if row.number is not None:
        person = EmployeeView(row.employee_id, row.number, row.name, row.org_id, place)
    return Principal(
        id=row.user_id,
        username=row.username,
        employee_id=row.employee_id,
        employee=person,
        session_id=row.id,
        must_change_password=row.must_change_password,
        created_at=row.created_at,
        seen_at=row.seen_at,
        has_password=row.has_password,
    )


def touch(session: Session, session_id: int, at: datetime) -> None:
    """Note activity. Never moves backwards, and never wakes a session that has ended."""
    session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.seen_at < at)
        .values(seen_at=at)
    )


def close(session: Session, session_id: int, why: Why, at: datetime) -> None:
    """End one session by its number, if it is still open."""
    session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None))
        .values(ended_at=at, ended_why=why)
    )


def newest(session: Session, user_id: int) -> Earlier | None:
    """Where and when the user's latest session began."""
    row = session.scalars(
        select(UserSession).where(UserSession.user_id == user_id).order_by(UserSession.id.desc()).limit(1)
    ).one_or_none()
    return None if row is None else Earlier(row.address, row.created_at)
