"""Signing in: count, recognise, begin. One answer for every kind of wrong, after the same work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

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


@dataclass(frozen=True, slots=True)
class Keys:
    """The counters of one attempt, the narrowest first.

    An account is locked for the address that guesses, so that nobody shuts a colleague out from elsewhere; for all
    addresses only after many more failures than one address can cause, against a guess spread over a network.
    """

    pair: str
    account: str
    address: str

    def limits(self) -> tuple[tuple[str, int], ...]:
        """Each counter with the failures it allows."""
        names = ("auth.lock_failures", "auth.account_failures", "auth.address_failures")
        counted = (self.pair, self.account, self.address)
        return tuple((key, parameters.get(name)) for key, name in zip(counted, names, strict=True))


def _keys(username: str, address: str) -> Keys:
    name, place = users.normal(username), _place(address)
    return Keys(
        f"pair:{fingerprint('pair', f'{place} {name}')}",
        f"account:{fingerprint('account', name)}",
        f"address:{fingerprint('address', place)}",
    )


def _place(address: str) -> str:
    """The address as it counts: one machine has a whole IPv6 network of 64 bits to choose from."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


def _count(keys: Keys, at: datetime) -> int:
    """Count the attempt on each counter, unless one is locked. Minutes to wait when one is, else 0.

    What one counter refuses does not count on the others: a locked address cannot go on to lock accounts.
    """
    window = settings.lock()
    with short_write() as session:
        locked = counters.locked_until(session, [key for key, _limit in keys.limits()], at)
        if locked is not None:
            return _minutes(locked, at)
        for key, limit in keys.limits():
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


def _failed(username: str, keys: Keys, at: datetime) -> Refused:
    with short_write() as session:
        for key, limit in keys.limits():
            # The attempt was counted as failed before; here only the one that reached the limit locks.
            if counters.standing(session, key) >= limit:
                counters.lock(session, key, at + settings.lock())
                audit.record(session, "auth.locked", detail={"what": key.partition(":")[0]})
        user = users.by_username(session, username)
        audit.record(session, "auth.sign_in_failed", subject="core.user", key=None if user is None else user.id)
    log.info("sign_in_failed")
    return Refused()


def _begin(user_id: int, method: str, *, keys: Keys, address: str, agent: str, password: str) -> Accepted | Refused:
    at = moment()
    with short_write() as session:
        started = sessions.start(
            session, user_id, at=at, idle=settings.idle(), address=address, agent=agent, method=method
        )
        _forgive(session, keys)
        _sweep(session, at)
        user = session.get_one(User, user_id)
        if method == "password" and user.password_hash and state().hasher.outdated(user.password_hash):
            user.password_hash = state().hasher.hash(password)
        detail = {"method": method, "took_over": started.earlier is not None}
        audit.record(session, "auth.signed_in", subject="core.user", key=user_id, user_id=user_id, detail=detail)
    log.info("signed_in", user_id=user_id, method=method)
    return Accepted(user_id, started)


def _forgive(session: Session, keys: Keys) -> None:
    """The attempt succeeded. Only its own pair begins anew: what others failed at elsewhere still counts."""
    counters.clear(session, keys.pair)
    counters.forgive(session, keys.account)
    counters.forgive(session, keys.address)


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
        _forgive(session, keys)
    return True
