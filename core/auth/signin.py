"""Signing in: count, recognise, begin. One answer for every kind of wrong, after the same work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import current_app
from sqlalchemy.orm import Session

from core import parameters
from core.auth import counters, drafts, sessions, settings, users
from core.auth.models import User
from core.auth.sessions import Started
from core.auth.state import fingerprint, moment, short_read, short_write, state
from core.contract.types import Identity
from core.monitoring import audit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Signed in."""

    user_id: int
    started: Started


@dataclass(frozen=True, slots=True)
class Refused:
    """Not signed in. ``minutes`` is how long to wait when the account or address is locked, else 0.

    Locks count typed names, known or not, so neither answer says whether there is such a user.
    """

    minutes: int = 0


def sign_in(username: str, password: str, *, address: str, agent: str) -> Accepted | Refused:
    """Try to sign in; begins a session when it succeeds.

    Three short transactions: the hash is computed between them, so that nobody waits for a lock meanwhile.
    """
    at = moment()
    keys = _keys(username, address)
    wait = _count(keys, at)
    if wait:
        log.warning("sign_in_locked")
        return Refused(wait)
    recognised = _recognise(username, password)
    if recognised is None:
        return _failed(username, keys, at)
    return _begin(*recognised, keys=keys, address=address, agent=agent, password=password)


def _keys(username: str, address: str) -> tuple[str, str]:
    account = fingerprint("account", users.normal(username))
    return f"account:{account}", f"address:{fingerprint('address', address)}"


def _limits() -> tuple[int, int]:
    return parameters.get("auth.lock_failures"), parameters.get("auth.address_failures")


def _count(keys: tuple[str, str], at: datetime) -> int:
    """Count the attempt on both counters. Minutes to wait when one is locked, else 0."""
    window = settings.lock()
    limits = _limits()
    with short_write() as session:
        for key, limit in zip(keys, limits, strict=True):
            attempt = counters.count(session, key, at, window)
            if attempt.failures > limit:
                counters.lock(session, key, at + window)
                return _minutes(attempt.locked_until or at + window, at)
    return 0


def _minutes(until: datetime, at: datetime) -> int:
    return max(1, -int((at - until).total_seconds() // 60))


def _recognise(username: str, password: str) -> tuple[int, str] | None:
    """The active user these belong to and how they were recognised. Always computes one hash."""
    identity = _by_plugin(username, password)
    with short_read() as session:
        user = users.by_username(session, identity.username if identity else username)
        user_id, stored, active = (user.id, user.password_hash, user.active) if user else (0, None, False)
    fits = state().hasher.verify(stored, password)
    if not active:
        return None
    if identity is not None:
        return user_id, identity.method
    return (user_id, "password") if fits else None


def _by_plugin(username: str, password: str) -> Identity | None:
    crm = current_app.extensions.get("crm")
    if crm is None:
        return None
    found = crm.dispatch.first("crm_authenticate", username=username, password=password)
    return found if isinstance(found, Identity) else None


def _failed(username: str, keys: tuple[str, str], at: datetime) -> Refused:
    with short_write() as session:
        for key, limit in zip(keys, _limits(), strict=True):
            # The attempt was counted as failed before; here only the one that reached the limit locks.
            if counters.standing(session, key) >= limit:
                counters.lock(session, key, at + settings.lock())
                audit.record(session, "auth.locked", detail={"what": key.partition(":")[0]})
        user = users.by_username(session, username)
        audit.record(session, "auth.sign_in_failed", subject="core.user", key=None if user is None else user.id)
    log.info("sign_in_failed")
    return Refused()


def _begin(
    user_id: int, method: str, *, keys: tuple[str, str], address: str, agent: str, password: str
) -> Accepted | Refused:
    at = moment()
    with short_write() as session:
        started = sessions.start(
            session, user_id, at=at, idle=settings.idle(), address=address, agent=agent, method=method
        )
        counters.clear(session, keys[0])
        counters.forgive(session, keys[1])
        _sweep(session, at)
        user = session.get_one(User, user_id)
        if method == "password" and user.password_hash and state().hasher.outdated(user.password_hash):
            user.password_hash = state().hasher.hash(password)
        detail = {"method": method, "took_over": started.earlier is not None}
        audit.record(session, "auth.signed_in", subject="core.user", key=user_id, user_id=user_id, detail=detail)
    log.info("signed_in", user_id=user_id, method=method)
    return Accepted(user_id, started)


def _sweep(session: Session, at: datetime) -> None:
    """Sign-ins are seldom and already write, so they take away what has expired."""
    counters.sweep(session, at, settings.lock())
    drafts.sweep(session, at, settings.draft_life())


def check_current(user_id: int, username: str, password: str, address: str) -> bool | int:
    """Whether a signed-in user gives their own password right. Counted like a sign-in: minutes to wait when locked."""
    at = moment()
    keys = _keys(username, address)
    wait = _count(keys, at)
    if wait:
        return wait
    with short_read() as session:
        stored = session.get_one(User, user_id).password_hash
    if not state().hasher.verify(stored, password):
        _failed(username, keys, at)
        return False
    with short_write() as session:
        counters.clear(session, keys[0])
        counters.forgive(session, keys[1])
    return True
