"""Facts about customers, named for the business. Each follows the customer through who holds the account."""

from __future__ import annotations

from core.sdk.hooks import Column, Dataset, Dimension, Feed, Measure
from plugins.customers import feeds

SCOPE = {"customers.party": "party_id"}
_HOLDER = "customers.account_party.source_cust_id"


def _dataset(name: str, label: str, feed: Feed, holder: str, measures: tuple[Measure, ...] = ()) -> Dataset:
    """Every column of the feed as a dimension, plus the customer and where the row comes from."""
    dimensions = (
        Dimension("party_id", "Customer", holder),
        Dimension("legal_entity", "Legal entity", "legal_entity"),
        Dimension("source", "Source", "source"),
        *(_dimension(column) for column in feed.columns),
    )
    return Dataset(name, label, feed.name, dimensions, measures, SCOPE)


def _dimension(column: Column) -> Dimension:
    return Dimension(column.name, column.label, column.name)


DATASETS = (
    _dataset("customers.parties", "Customers", feeds.PARTY, "source_cust_id"),
    _dataset(
        "customers.accounts",
        "Accounts",
        feeds.ACCOUNT,
        _HOLDER,
        (
            Measure("accounts", "Accounts", "account_id", "count"),
            Measure("balance_total", "Balance", "balance", "sum"),
            Measure("balance_known", "Accounts with a balance", "balance", "count"),
        ),
    ),
    _dataset("customers.account_links", "Who holds an account", feeds.ACCOUNT_PARTY, "source_cust_id"),
    _dataset(
        "customers.transactions",
        "Transactions",
        feeds.TRANSACTION,
        _HOLDER,
        (
            Measure("transactions", "Transactions", "txn_id", "count"),
            Measure("amount_total", "Amount", "amount", "sum"),
        ),
    ),
    _dataset("customers.loans", "Loans", feeds.LOAN, _HOLDER),
    _dataset("customers.cards", "Cards", feeds.CARD, _HOLDER),
    _dataset("customers.standing_orders", "Standing orders", feeds.STANDING_ORDER, _HOLDER),
)
