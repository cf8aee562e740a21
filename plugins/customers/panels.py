"""Boxes of the customer page. Each stands alone: it finds the customer in the user's scope and asks for its facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.sdk.hooks import Panel, PanelContent
from core.sdk.security import session
from core.sdk.warehouse import Rows
from core.sdk.web import link, translator
from plugins.customers.models import Party
from plugins.customers.permissions import ACCOUNTS, VIEW
from plugins.customers.services import facts, parties
from plugins.customers.views import lines

_ = translator("customers")
SLOT, SUBJECT = "customers.profile", "customers.party"
SHOWN = 20
"""Rows a panel shows; what is more has a page of its own, or is said to be there."""


def basic(key: str) -> PanelContent | None:
    """What the customer's own source says about who they are."""
    party = parties.by_number(session(), key)
    if party is None:
        return None
    about = lines.basic(session(), party)
    return PanelContent({"items": about}, facts.systems(party.id), parties.as_of(session(), party))


def accounts(key: str) -> PanelContent | None:
    """Accounts with exact totals by currency."""
    party = parties.by_number(session(), key)
    if party is None:
        return None
    found = facts.accounts(party.id)
    values = {"found": found, "rows": lines.accounts(found.rows[:SHOWN]), "published": found.answer.as_of is not None}
    note = _.ngettext("%(num)s account", "%(num)s accounts", len(found.rows)) if found.rows else ""
    return PanelContent(values, found.answer.source, found.answer.as_of, note)


def transactions(key: str) -> PanelContent | None:
    """The latest transactions."""
    party = parties.by_number(session(), key)
    if party is None:
        return None
    found = facts.transactions(party.id, facts.TransactionFilter(), limit=SHOWN)
    numbers = facts.account_numbers(facts.accounts(party.id)) if found.rows else {}
    values = _values(found, lines.transactions(found.rows, numbers))
    values["more"] = link("customers.transactions", party_id=party.party_id) if found.rows else ""
    return PanelContent(values, found.source, found.as_of, _("latest %(count)s", count=SHOWN) if found.next else "")


def _simple(ask: Callable[[int], Rows], shape: Callable[[list[dict[str, Any]]], Any]) -> Callable[[str], Any]:
    def load(key: str) -> PanelContent | None:
        party: Party | None = parties.by_number(session(), key)
        if party is None:
            return None
        found = ask(party.id)
        values = _values(found, shape(found.rows[:SHOWN]))
        values["hidden"] = max(len(found.rows) - SHOWN, 0)
        return PanelContent(values, found.source, found.as_of, str(len(found.rows)) if found.rows else "")

    return load


def _values(found: Rows, rows: Any) -> dict[str, Any]:
    return {"rows": rows, "published": found.as_of is not None}


def _template(name: str) -> str:
    return f"customers/panels/{name}.html"


_loans = _simple(facts.loans, lines.loans)
_cards = _simple(facts.cards, lines.cards)
_orders = _simple(facts.standing_orders, lines.standing_orders)

PANELS = (
    Panel("customers.accounts", SLOT, "Accounts", _template("accounts"), ACCOUNTS, accounts, "a", 10, SUBJECT),
    Panel("customers.loans", SLOT, "Loans", _template("loans"), ACCOUNTS, _loans, "a", 20, SUBJECT),
    Panel(
        "customers.transactions",
        SLOT,
        "Transactions",
        _template("transactions"),
        ACCOUNTS,
        transactions,
        "a",
        30,
        SUBJECT,
    ),
    Panel("customers.basic", SLOT, "Basic data", _template("basic"), VIEW, basic, "b", 10, SUBJECT),
    Panel("customers.cards", SLOT, "Cards", _template("cards"), ACCOUNTS, _cards, "b", 20, SUBJECT),
    Panel(
        "customers.standing_orders",
        SLOT,
        "Standing orders",
        _template("standing_orders"),
        ACCOUNTS,
        _orders,
        "b",
        30,
        SUBJECT,
    ),
)
