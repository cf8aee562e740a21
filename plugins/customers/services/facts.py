"""What the source systems say about one customer. Nothing published is None, which pages show as missing, never as 0.

Every question names the customer, and the warehouse adds what the user may see; a customer out of reach has no facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from core.sdk.warehouse import Range, Rows, query
from plugins.customers.services import codes

MOST = 2_000
"""Accounts, loans, cards and orders of one customer that are looked at. More are said to be more."""


@dataclass(frozen=True, slots=True)
class Total:
    """A sum in one currency. ``missing`` of the ``count`` gave no balance; with all of them missing, so is the sum."""

    currency: str
    amount: Decimal | None
    count: int
    missing: int


@dataclass(frozen=True, slots=True)
class Accounts:
    """A customer's accounts; each row also has ``role``. ``totals`` count those the customer owns."""

    rows: list[dict[str, Any]]
    totals: list[Total]
    answer: Rows

    @property
    def cut(self) -> bool:
        """True when there are more than are looked at, so that no total is shown."""
        return self.answer.next is not None


@dataclass(frozen=True, slots=True)
class TransactionFilter:
    """What the page of transactions is narrowed to."""

    account_id: str = ""
    direction: str = ""
    start: date | None = None
    end: date | None = None


def systems(party_pk: int) -> str:
    """Names of the source systems that delivered this customer; "" when none has published one."""
    return query("customers.parties", where={"party_id": party_pk}, columns=("source_cust_id",), limit=1).source


def accounts(party_pk: int) -> Accounts:
    """Accounts the customer owns or may use, owned ones first, largest first."""
    answer = query("customers.accounts", where={"party_id": party_pk}, order_by=("-balance",), limit=MOST)
    roles = _roles(party_pk)
    rows = [{**row, "role": roles.get((row["legal_entity"], row["account_id"]), "")} for row in answer.rows]
    rows.sort(key=lambda row: row["role"] != "OWNER")  # stable: keeps the order of balances
    totals = [] if answer.next else totals_by_currency([row for row in rows if row["role"] == "OWNER"])
    return Accounts(rows, totals, answer)


def _roles(party_pk: int) -> dict[tuple[str, str], str]:
    links = query("customers.account_links", where={"party_id": party_pk}, limit=MOST)
    found: dict[tuple[str, str], str] = {}
    for row in links.rows:
        key = (row["legal_entity"], row["account_id"])
        if found.get(key) != "OWNER":
            found[key] = row["role"]
    return found


def totals_by_currency(rows: Sequence[Mapping[str, Any]]) -> list[Total]:
    """Exact sums of ``balance``, one a currency, in the order of the codes with CNY first."""
    found: list[Total] = []
    for currency in sorted({row["currency"] for row in rows}, key=lambda c: (c != "CNY", c)):
        mine = [row["balance"] for row in rows if row["currency"] == currency]
        known = [amount for amount in mine if amount is not None]
        amount = sum(known, Decimal(0)) if known else None
        found.append(Total(currency, amount, len(mine), len(mine) - len(known)))
    return found


def transactions(party_pk: int, asked: TransactionFilter, *, limit: int, after: Sequence[Any] | None = None) -> Rows:
    """Transactions on the customer's accounts, newest first. ``after`` is ``Rows.next`` of the page before."""
    where: dict[str, Any] = {"party_id": party_pk}
    if asked.account_id:
        where["account_id"] = asked.account_id
    if asked.direction:
        where["direction"] = asked.direction
    if asked.start or asked.end:
        where["date"] = Range(asked.start, asked.end)
    return query("customers.transactions", where=where, order_by=("-date", "-seq"), limit=limit, after=after)


def loans(party_pk: int) -> Rows:
    """Loans on the customer's accounts, newest first."""
    return query("customers.loans", where={"party_id": party_pk}, order_by=("-date",), limit=MOST)


def owed(loans: Rows, accounts: Accounts) -> list[Total]:
    """What is owed on loans that are not settled, by the currency of their accounts ("" when that is not known).

    Nothing when there are more loans than are looked at: a sum of some would be a wrong one.
    """
    currencies = {(row["legal_entity"], row["account_id"]): row["currency"] for row in accounts.rows}
    rows = [
        {"balance": row["balance"], "currency": currencies.get((row["legal_entity"], row["account_id"]), "")}
        for row in loans.rows
        if row["status"] not in codes.SETTLED_LOANS
    ]
    return [] if loans.next else totals_by_currency(rows)


def account_numbers(accounts: Accounts) -> dict[tuple[str, str], str]:
    """The last four digits of each account's number, by legal entity and account id; "" where the source gives none."""
    return {(row["legal_entity"], row["account_id"]): (row["account_no"] or "")[-4:] for row in accounts.rows}


def cards(party_pk: int) -> Rows:
    """Cards of the customer, newest first."""
    return query("customers.cards", where={"party_id": party_pk}, order_by=("-issued",), limit=MOST)


def standing_orders(party_pk: int) -> Rows:
    """Standing orders on the customer's accounts, largest first."""
    return query("customers.standing_orders", where={"party_id": party_pk}, order_by=("-amount",), limit=MOST)
