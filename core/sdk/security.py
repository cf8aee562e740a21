"""Who may see and do what. Example::

with write() as session:                       # commits at the end, rolls back on an error
    visit = session.get(Visit, key)            # None when it is outside the user's scope
    audit(session, "visits.visit.close", subject="visits.visit", key=str(visit.id))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.db.masks import mask
from core.db.session import ScopeError, write
from core.extensions import db
from core.monitoring.audit import SHORTEST_REASON
from core.monitoring.audit import count as audit_count
from core.monitoring.audit import record as audit
from core.permissions import acting, can, explain, unscoped

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = [
    "SHORTEST_REASON",
    "ScopeError",
    "acting",
    "audit",
    "audit_count",
    "can",
    "explain",
    "mask",
    "session",
    "unscoped",
    "write",
]


def session() -> Session:
    """The request's session: reads and writes only rows in the scope of the route's action."""
    return db.session()
