"""Counting failed sign-ins per account, per address, and per both. One upsert, so N workers count as one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.auth.models import SignInCounter


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a counter stands after counting one more."""

    failures: int
    locked_until: datetime | None


def count(session: Session, key: str, at: datetime, window: timedelta) -> Attempt:
    """Count an attempt as failed before its outcome is known, so that parallel guesses cannot all slip through.

    A counter starts anew when its lock, or without one its window, is over.
    """
    table = SignInCounter
    make = postgresql.insert if session.get_bind(table).dialect.name == "postgresql" else sqlite.insert
    over = or_(table.locked_until <= at, and_(table.locked_until.is_(None), table.started_at <= at - window))
    statement: Any = make(table).values(key=key, failures=1, started_at=at, locked_until=None)
    statement = statement.on_conflict_do_update(
        index_elements=[table.key],
        set_={
            "failures": case((over, 1), else_=table.failures + 1),
            "started_at": case((over, at), else_=table.started_at),
            "locked_until": case((over, None), else_=table.locked_until),
        },
    )
    row = session.execute(statement.returning(table.failures, table.locked_until)).one()
    return Attempt(row.failures, row.locked_until)


def locked_until(session: Session, keys: Collection[str], at: datetime) -> datetime | None:
    """When the last of the locks on these counters ends; None when none of them is locked."""
    table = SignInCounter
    return session.scalar(select(func.max(table.locked_until)).where(table.key.in_(keys), table.locked_until > at))


def lock(session: Session, key: str, until: datetime) -> None:
    """Lock a counter; one that is locked already keeps its end."""
    session.execute(
        update(SignInCounter)
        .where(SignInCounter.key == key, SignInCounter.locked_until.is_(None))
        .values(locked_until=until)
    )


def forgive(session: Session, key: str) -> None:
    """Take back one count: the attempt succeeded. A counter that counts nothing then goes."""
    session.execute(delete(SignInCounter).where(SignInCounter.key == key, SignInCounter.failures <= 1))
    session.execute(
        update(SignInCounter)
        .where(SignInCounter.key == key, SignInCounter.failures > 0)
        .values(failures=SignInCounter.failures - 1)
    )


def clear(session: Session, key: str) -> None:
    """Forget a counter."""
    session.execute(delete(SignInCounter).where(SignInCounter.key == key))


def sweep(session: Session, at: datetime, window: timedelta) -> None:
    """Delete counters that count for nothing any more."""
    unlocked = or_(SignInCounter.locked_until.is_(None), SignInCounter.locked_until <= at)
    session.execute(delete(SignInCounter).where(SignInCounter.started_at <= at - window, unlocked))


def standing(session: Session, key: str) -> int:
    """Failures counted so far."""
    return session.scalar(select(SignInCounter.failures).where(SignInCounter.key == key)) or 0
