"""What roles can grant in customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, true

from core.sdk.hooks import Action, Reach, ScopeProvider
from plugins.customers.models import Party

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause

VIEW = "customers.party.view"
EDIT = "customers.party.edit"
ACCOUNTS = "customers.account.view"

ACTIONS = (
    Action(VIEW, "View customers", "Customer list, search and customer page, identifiers masked."),
    Action(EDIT, "Edit customers", "Change the fields the CRM itself keeps of a customer."),
    Action(ACCOUNTS, "View accounts and transactions", "Accounts, transactions, loans, cards and standing orders."),
)


LINES = {"retail": ("P",), "corporate": ("C", "F"), "micro": ("I",)}
"""Business line to the kinds of customers it serves."""


def reachable(reach: Reach, table: FromClause) -> ColumnElement[bool]:
    """Customers whose home organisation, and whose kind, is in reach.

    One without a home is seen by those who see the whole bank. A line nobody here knows serves nobody.
    """
    home: ColumnElement[Any] = table.c.home_org_id
    place = true() if reach.whole_bank else reach.covers(home)
    if reach.lines is None:
        return place
    kinds = sorted({kind for line in reach.lines for kind in LINES.get(line, ())})
    return and_(place, table.c.kind.in_(kinds)) if kinds else false()


SCOPE = ScopeProvider("customers.party", "Customers", Party, "id", reachable)
