"""Tell other plugins what happened, in the transaction in which it happens. Example::

with write() as session:
    ...
    publish(session, "visits.visit.closed", {"visit_id": visit.id})       # delivered after the commit
    tell(session, IntegrityEvent("visits.visit", "merged", "V1", "V2"))   # before it, all or nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.contract import Event, EventType, IntegrityEvent
from core.contract.protocols import runtime

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

__all__ = ["Event", "EventType", "IntegrityEvent", "publish", "tell"]


def publish(session: Session, type: str, payload: Mapping[str, Any]) -> None:
    """Publish an event of a type this plugin declared, with the transaction of ``session``.

    Receivers get it at least once, after the commit. ``payload`` holds what JSON can hold.
    """
    runtime().dispatch.publish(session, type, payload)


def tell(session: Session, event: IntegrityEvent) -> None:
    """Tell every plugin that may keep the key of a subject of this plugin that its row is merged or deleted."""
    runtime().dispatch.integrity(session, event)
