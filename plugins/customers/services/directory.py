"""What other plugins may ask about customers without requiring this one: ``customers.directory``, version 1."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.sdk.security import mask
from plugins.customers.models import Party
from plugins.customers.services import codes, parties


@dataclass(frozen=True, slots=True)
class Entry:
    """A customer as others may show it: the name masked where it is a person's."""

    id: int
    party_id: str
    name: str
    kind: str
    legal_entity: str
    home_org_id: int | None


class Directory:
    """Looks customers up inside the scope of the session it is given."""

    def find(self, session: Session, query: str, limit: int = 20) -> list[Entry]:
        """Customers the query finds, by name; at most ``limit``."""
        return [entry(party) for party in parties.found(session, query, limit)]

    def get(self, session: Session, party_id: str) -> Entry | None:
        """The customer of that customer number; None when there is none in reach."""
        party = parties.by_number(session, party_id)
        return None if party is None else entry(party)

    def many(self, session: Session, ids: list[int]) -> dict[int, Entry]:
        """Customers by row id; those out of reach are left out."""
        rows = session.scalars(select(Party).where(Party.id.in_(ids)))
        return {party.id: entry(party) for party in rows}


def entry(party: Party) -> Entry:
    """A customer as the directory gives it."""
    return Entry(party.id, party.party_id, shown_name(party), party.kind, party.legal_entity, party.home_org_id)


def shown_name(party: Party) -> str:
    """The name as pages show it: a person's masked, an organisation's plain, "" when the source gives none."""
    return mask(party.name, "C2.name") if party.kind == codes.PERSON else party.name or ""
