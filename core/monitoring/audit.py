"""Writing audit entries. First slice: the entries and their table; sealing them into a chain is not here yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db import text
from core.db.types import now
from core.monitoring.context import actor
from core.monitoring.identifiers import cleaned, scrub
from core.monitoring.models import AuditEntry

SHORTEST_REASON = 4
"""Characters of a reason people must give: it is kept for ever, so that a word is not enough."""


def record(
    session: Session,
    action: str,
    *,
    subject: str | None = None,
    key: str | int | None = None,
    detail: Mapping[str, Any] | None = None,
    user_id: int | None = None,
    reason: str = "",
) -> AuditEntry:
    """Add an entry to the caller's transaction: it stands if, and only if, what it describes stands.

    Args:
        action: what was done, such as ``customers.party.view`` or ``auth.signed_in``.
        subject: kind of the thing it was done to, such as ``customers.party``.
        key: the thing's key, kept as text.
        detail: JSON values; what looks like an identifier in it, or in ``reason``, is taken out.
        user_id: who did it; by default the user of the request or job in progress.
        reason: what the person gave as the reason.
    """
    who = actor()
    entry = AuditEntry(
        action=action,
        subject=subject,
        key=None if key is None else text.cleaned(str(key)),  # may be what somebody made up in an address
        detail=None if detail is None else cleaned(dict(detail)),
        user_id=who.user_id if user_id is None else user_id,
        reason=scrub(reason),
        request_id=who.request_id,
        address=who.address,
    )
    session.add(entry)
    return entry


def count(session: Session, action: str, *, within: timedelta) -> int:
    """Entries of that action by the actor in the time that lies ``within`` before now.

    For limits: until the caller's transaction ends, the same user's next count waits, so that parallel tries cannot all
    slip through.
    """
    entry, who = AuditEntry, actor().user_id
    take_turns(session, f"{action} {who}")
    mine = entry.action == action, entry.user_id == who, entry.at > now() - within
    return session.scalar(select(func.count(entry.id)).where(*mine)) or 0


def recent(session: Session, action: str, *, subject: str, key: str, within: timedelta) -> bool:
    """True when the actor has such an entry about that key within the time before now."""
    entry, who = AuditEntry, actor().user_id
    found = select(entry.id).where(
        entry.subject == subject, entry.key == key, entry.action == action, entry.user_id == who,
        entry.at > now() - within,
    )  # fmt: skip
    return session.scalar(found.limit(1)) is not None


def take_turns(session: Session, what: str) -> None:
    """Wait until no other transaction that called this for the same thing is open, so that "look, then write" is one.

    On SQLite a transaction that may write is alone anyway.
    """
    if session.get_bind(AuditEntry).dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(what, 0))))
