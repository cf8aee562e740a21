"""Reading customers, and the fields the CRM itself keeps of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from core.sdk import orgs
from plugins.customers.models import Delivery, NameEntry, Party, Xref
from plugins.customers.services import names, search
from plugins.customers.services.codes import PERSON

SORTS = {"name": Party.sort_name, "number": Party.party_id, "opened": Party.open_date}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list is narrowed to; "" and None leave a filter out."""

    query: str = ""
    kind: str = ""
    org_id: int | None = None
    legal_entity: str = ""

    @property
    def any(self) -> bool:
        """True when something is filtered."""
        return bool(self.query or self.kind or self.org_id or self.legal_entity)


def listing(session: Session, filters: Filters) -> Select[Party]:
    """The statement of the customer list; paging and row scope are added by whoever runs it."""
    statement = select(Party)
    if filters.query:
        statement = statement.where(search.matching(filters.query))
    if filters.kind:
        statement = statement.where(Party.kind == filters.kind)
    if filters.org_id is not None:
        statement = statement.where(Party.home_org_id.in_(orgs.below(session, filters.org_id)))
    if filters.legal_entity:
        statement = statement.where(Party.legal_entity == filters.legal_entity)
    return statement


def by_number(session: Session, party_id: str) -> Party | None:
    """The customer of that number, or None when there is none in reach."""
    return session.scalars(select(Party).where(Party.party_id == party_id)).one_or_none()


def found(session: Session, query: str, limit: int) -> Sequence[Party]:
    """At most ``limit`` customers the query finds, by name."""
    statement = select(Party).where(search.matching(query)).order_by(Party.sort_name, Party.id).limit(limit)
    return session.scalars(statement).all()


def numbers_found(session: Session, query: str, limit: int) -> list[str]:
    """The customer numbers of at most ``limit`` customers the query finds, ascending."""
    statement = select(Party.party_id).where(search.matching(query)).order_by(Party.party_id).limit(limit)
    return list(session.scalars(statement))


def xrefs(session: Session, party: Party) -> Sequence[Xref]:
    """The numbers the sources use for this customer."""
    statement = select(Xref).where(Xref.party_id == party.id).order_by(Xref.source, Xref.source_cust_id)
    return session.scalars(statement).all()


def as_of(session: Session, party: Party) -> date:
    """The day the customer's data stands for: that of the newest delivery, or of the last one that still had it."""
    if party.source_deleted_at is not None:
        return party.source_date
    day = session.scalar(
        select(func.max(Delivery.business_date))
        .join(Xref, Xref.source == Delivery.source)
        .where(Xref.party_id == party.id)
    )
    return day or party.source_date


def deliveries(session: Session) -> list[Delivery]:
    """The newest delivery of each source whose customers the session can see, newest day first."""
    found = session.scalars(select(Delivery).order_by(Delivery.business_date.desc(), Delivery.source)).all()
    seen: dict[str, bool] = {}
    for delivery in found:
        if delivery.legal_entity not in seen:
            some = select(Party.id).where(Party.legal_entity == delivery.legal_entity).limit(1)
            seen[delivery.legal_entity] = session.scalars(some).first() is not None
    return [delivery for delivery in found if seen[delivery.legal_entity]]


def edit(session: Session, party: Party, values: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Set the CRM's own fields; returns what changed, ``{field: (before, after)}``, for the audit."""
    changed: dict[str, tuple[Any, Any]] = {}
    for field in ("short_name", "remark"):
        before, after = getattr(party, field), (values.get(field) or "").strip() or None
        if before != after:
            setattr(party, field, after)
            changed[field] = (before, after)
    if "short_name" in changed:
        index(session, party)
    return changed


def index(session: Session, party: Party) -> None:
    """Write anew by which texts the customer is found: its name and its short name."""
    session.execute(delete(NameEntry).where(NameEntry.party_id == party.id))
    for text in sorted(names.of_party(party.name, party.short_name, person=party.kind == PERSON)):
        session.add(NameEntry(party_id=party.id, text=text))
