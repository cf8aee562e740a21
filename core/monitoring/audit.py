"""Writing audit entries. First slice: the entries and their table; sealing them into a chain is not here yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from core.monitoring.context import actor
from core.monitoring.models import AuditEntry


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
        detail: JSON values; identifiers in it must be masked by the caller.
        user_id: who did it; by default the user of the request or job in progress.
        reason: what the person gave as the reason.
    """
    who = actor()
    entry = AuditEntry(
        action=action,
        subject=subject,
        key=None if key is None else str(key),
        detail=None if detail is None else dict(detail),
        user_id=who.user_id if user_id is None else user_id,
        reason=reason,
        request_id=who.request_id,
        address=who.address,
    )
    session.add(entry)
    return entry
