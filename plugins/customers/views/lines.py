"""Rows as pages show them: masked, labelled, formatted. Nothing that leaves here can be unmasked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from core.sdk import orgs
from core.sdk.security import mask
from core.sdk.warehouse import source_titles
from core.sdk.web import link, translator
from plugins.customers.models import Party
from plugins.customers.services import codes, parties
from plugins.customers.services.directory import shown_name
from plugins.customers.views.countries import country

_ = translator("customers")

STATUS_TAGS = {"ACTIVE": "ok", "PROSPECT": "primary", "DORMANT": "warn", "CLOSED": ""}
LOAN_TAGS = {"B": "danger", "D": "danger", "OVERDUE": "danger", "C": "ok", "NORMAL": "ok"}


def _label(table: Mapping[str, str], code: str | None) -> str:
    """A code's label; a code nobody declared shows itself, so that nothing is hidden."""
    return _(table[code]) if code is not None and code in table else code or ""


@dataclass(frozen=True, slots=True)
class Line:
    """A customer in the list."""

    party_id: str
    name: str
    short_name: str
    kind: str
    legal_entity: str
    organisation: str
    mobile: str
    open_date: date | None
    status: str
    status_tag: str
    gone: bool

    @property
    def url(self) -> str:
        """Page of the customer."""
        return link("customers.show", party_id=self.party_id)


def listing(session: Session, found: Iterable[Party]) -> list[Line]:
    """The rows of one page of the list."""
    rows = list(found)
    places = orgs.names(session, {party.home_org_id for party in rows})
    return [line(party, places) for party in rows]


def line(party: Party, places: Mapping[int, str]) -> Line:
    """One row of the list."""
    return Line(
        party_id=party.party_id,
        name=shown_name(party),
        short_name=party.short_name or "",
        kind=_label(codes.KINDS, party.kind),
        legal_entity=party.legal_entity,
        organisation=place(party, places),
        mobile=mask(party.mobile, "C2.mobile"),
        open_date=party.open_date,
        status=_label(codes.STATUSES, party.status),
        status_tag=STATUS_TAGS.get(party.status or "", ""),
        gone=party.source_deleted_at is not None,
    )


def place(party: Party, places: Mapping[int, str]) -> str:
    """The home organisation; one that nobody here has is shown by the source's code."""
    if party.home_org_id is not None:
        return places.get(party.home_org_id, "")
    if party.source_org_code:
        return _("unknown code %(code)s", code=party.source_org_code)
    return ""


def identity(session: Session, party: Party) -> dict[str, Any]:
    """The head of the customer page."""
    row = line(party, orgs.names(session, {party.home_org_id}))
    facts = [
        (_("Customer number"), party.party_id),
        (_label(codes.CERT_TYPES, party.cert_type) or _("Document"), cert_shown(party)),
        (_("Mobile number"), row.mobile),
    ]
    if party.kind == codes.PERSON:
        facts.append((_("Gender"), _label(codes.GENDERS, party.gender)))
    else:
        facts.append((_("Legal representative"), mask(party.legal_rep, "C2.name")))
    facts += [(_("Home organisation"), row.organisation), (_("Legal entity"), party.legal_entity)]
    return {"line": row, "facts": facts, "mono": (row.name or "?")[:1], "as_of": parties.as_of(session, party)}


def cert_shown(party: Party) -> str:
    """The document number: plain only where it is the public number of an organisation."""
    return party.cert_no or "" if party.cert_type in codes.PUBLIC_DOCUMENTS else mask(party.cert_no, "C2.id_no")


def basic(session: Session, party: Party) -> list[tuple[str, Any]]:
    """Terms and values of the basic data; a value the source does not give is None."""
    xrefs = parties.xrefs(session, party)
    titles = source_titles({x.source for x in xrefs})
    numbers = _(", ").join(
        _("%(number)s (%(source)s)", number=x.source_cust_id, source=titles.get(x.source, x.source)) for x in xrefs
    )
    common: list[tuple[str, Any]] = [
        (_("Short name"), party.short_name),
        (_("Customer since"), party.open_date),
        (_("Status"), _label(codes.STATUSES, party.status)),
    ]
    about = _person(party) if party.kind == codes.PERSON else _company(party)
    last: list[tuple[str, Any]] = [
        (_("Address"), mask(party.address, "C2.address")),
        (_("E-mail"), mask(party.email, "C2.email")),
        (_("Number at the source"), numbers),
        (_("Remark"), party.remark),
    ]
    return [(term, value or None) for term, value in [*common, *about, *last]]


def _person(party: Party) -> list[tuple[str, Any]]:
    return [
        (_("Birth year"), party.birth_date.year if party.birth_date else None),
        (_("Nationality"), country(party.nationality)),
        (_("Occupation"), party.occupation),
    ]


def _company(party: Party) -> list[tuple[str, Any]]:
    capital = f"{party.reg_capital:,.2f}" if party.reg_capital is not None else None
    return [
        (_("Industry"), party.industry),
        (_("Registered capital (yuan)"), capital),
    ]


# -- facts -------------------------------------------------------------------------------------------------------------


def accounts(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Accounts with labels."""
    return [
        {
            **row,
            "kind": _label(codes.ACCOUNT_KINDS, row["kind"]),
            "role": _label(codes.ROLES, row["role"]),
            "used": row["role"] == "USER",
            "rate": percent(row["rate"]),
            "status": _label(codes.ACCOUNT_STATUSES, row["status"]),
        }
        for row in rows
    ]


def transactions(rows: Iterable[Mapping[str, Any]], numbers: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """Transactions with labels and the end of their account's number; money that leaves is negative."""
    return [
        {
            **row,
            "account_end": numbers.get((row["legal_entity"], row["account_id"]), ""),
            "signed": -row["amount"] if row["direction"] == "D" else row["amount"],
            "direction": _label(codes.DIRECTIONS, row["direction"]),
        }
        for row in rows
    ]


def loans(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Loans with labels."""
    return [
        {**row, "status": _label(codes.LOAN_STATUSES, row["status"]), "tag": LOAN_TAGS.get(row["status"], "")}
        for row in rows
    ]


def cards(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Cards as they are: the partition holds their numbers masked."""
    return [dict(row) for row in rows]


def standing_orders(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Standing orders as they are: the partition holds account numbers masked."""
    return [dict(row) for row in rows]


def percent(rate: Decimal | None) -> str | None:
    """A rate in per cent as people read it: ``1.55%``; at least two decimals, no more than it has."""
    if rate is None:
        return None
    plain = f"{rate:.7f}".rstrip("0")
    whole, _dot, digits = plain.partition(".")
    return f"{whole}.{digits.ljust(2, '0')}%"
