"""The customer page."""

from __future__ import annotations

from typing import Any

from flask import Response

from core.sdk.security import can, session
from core.sdk.web import abort_with, link, panel_slot, render, requires, translator
from plugins.customers.models import Party
from plugins.customers.permissions import ACCOUNTS, EDIT, VIEW
from plugins.customers.services import facts, parties
from plugins.customers.views import bp, lines

_ = translator("customers")


def party_or_404(party_id: str) -> Party:
    """The customer of that number. Out of reach and not there look the same, so that nobody can try numbers out."""
    party = parties.by_number(session(), party_id)
    if party is None:
        abort_with(404, _("There is no customer of this number, or it is not among those you may see."))
    return party


def head(party: Party, current: str) -> dict[str, Any]:
    """What the head of every page about one customer needs."""
    tabs = [
        {"label": _("Overview"), "href": link("customers.show", party_id=party.party_id), "current": current == "show"}
    ]
    if can(ACCOUNTS):
        href = link("customers.transactions", party_id=party.party_id)
        tabs.append({"label": _("Transactions"), "href": href, "current": current == "transactions"})
    return {
        "party": lines.identity(session(), party),
        "tabs": tabs,
        "figures": can(ACCOUNTS),
        "edit_url": link("customers.edit", party_id=party.party_id) if can(EDIT) else "",
        "why_url": link("customers.why", party_id=party.party_id),
    }


@bp.get("/<party_id>")
@requires(VIEW)
def show(party_id: str) -> Response:
    """Who the customer is, and the panels every plugin adds."""
    party = party_or_404(party_id)
    page = head(party, "show")
    slot = panel_slot("customers.profile", party.party_id)
    return render("customers/show.html", slot=slot, **page)


@bp.get("/<party_id>/figures")
@requires(ACCOUNTS)
def figures(party_id: str) -> Response:
    """The figures at the head's end, fetched by themselves so that the page need not wait for the warehouse."""
    party = party_or_404(party_id)
    accounts, loans = facts.accounts(party.id), facts.loans(party.id)
    owed = facts.owed(loans, accounts)
    return render("customers/figures.html", accounts=accounts, loans=loans, loan_totals=owed)
