"""Election by a row: whoever moves ``until`` forward is the leader until then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.db.types import now
from core.scheduler.models import Lease


def acquire(session: Session, name: str, holder: str, seconds: float) -> int | None:
    """Take or renew the lease ``name`` for ``seconds``; commits. The fencing token, or None while another holds it.

    A new holder gets a higher token than every holder before it, so work that an old leader started is refused.
    """
    moment = now()
    until = moment + timedelta(seconds=seconds)
    row = session.execute(select(Lease.holder, Lease.token, Lease.until).where(Lease.name == name)).one_or_none()
    if row is None:
        return _first(session, Lease(name=name, holder=holder, token=1, until=until))
    if row.holder != holder and row.until > moment:
        session.rollback()
        return None
    token = row.token if row.holder == holder and row.until > moment else row.token + 1
    # Compare and set: of two processes that saw the same expired row only one finds it unchanged.
    taken = session.execute(
        update(Lease)
        .where(Lease.name == name, Lease.token == row.token, Lease.holder == row.holder)
        .values(holder=holder, token=token, until=until)
    )
    session.commit()
    return token if cast(CursorResult[Any], taken).rowcount == 1 else None


def _first(session: Session, lease: Lease) -> int | None:
    try:
        session.execute(
            insert(Lease).values(name=lease.name, holder=lease.holder, token=lease.token, until=lease.until)
        )
        session.commit()
    except IntegrityError:
        session.rollback()
        return None
    return lease.token


def release(session: Session, name: str, holder: str) -> None:
    """Give the lease up at a clean stop, so that the next leader need not wait; commits."""
    session.execute(update(Lease).where(Lease.name == name, Lease.holder == holder).values(until=now()))
    session.commit()


def token_holds(session: Session, name: str, token: int) -> bool:
    """True while no later leader has taken the lease."""
    return session.execute(select(Lease.token).where(Lease.name == name)).scalar_one_or_none() == token
