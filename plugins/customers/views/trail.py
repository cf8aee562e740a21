"""Who looked at whom: opening a customer and looking one up by a document or phone number leave an entry."""

from __future__ import annotations

from core.sdk.security import audit, write
from plugins.customers.services.search import Question


def looked_at(party_id: str) -> None:
    """Somebody opened a customer's page."""
    with write() as session:
        audit(session, "customers.party.view", subject="customers.party", key=party_id)


def looked_up(query: str, found: int) -> None:
    """Somebody searched; recorded when it was by an identifier, of which the entry keeps the kind and no digit."""
    if Question(query).by_identifier:
        with write() as session:
            detail = {"by": "last four" if len("".join(query.split())) == 4 else "number", "found": found}
            audit(session, "customers.party.lookup", subject="customers.party", detail=detail)
