"""The figures of a customer's head: exact, each with its own day, and missing rather than nought."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from core.sdk.warehouse import Rows
from plugins.customers.services import facts

DAY, LATER = date(2026, 11, 20), date(2026, 11, 22)


def account(number: str, currency: str, account_no: str | None = None) -> dict[str, Any]:
    return {
        "legal_entity": "JQ", "account_id": number, "currency": currency, "account_no": account_no, "balance": None,
        "role": "OWNER",
    }  # fmt: skip


def loan(account_id: str, balance: str | None, status: str = "NORMAL") -> dict[str, Any]:
    amount = None if balance is None else Decimal(balance)
    return {"legal_entity": "JQ", "account_id": account_id, "balance": amount, "status": status}


def held(*rows: dict[str, Any]) -> facts.Accounts:
    return facts.Accounts(list(rows), [], Rows(list(rows), DAY, "核心系统"))


ACCOUNTS = held(account("A1", "CNY", "6222****4087"), account("A2", "USD"))


def owed(*rows: dict[str, Any], more: bool = False) -> list[tuple[str, Decimal | None, int, int]]:
    found = facts.owed(Rows(list(rows), LATER, "信贷系统", ("x",) if more else None), ACCOUNTS)
    return [(total.currency, total.amount, total.count, total.missing) for total in found]


def test_what_is_owed_is_exact_by_currency_and_leaves_settled_loans_out() -> None:
    rows = loan("A1", "0.10"), loan("A1", "1800000.20", "OVERDUE"), loan("A1", "5", "SETTLED"), loan("A2", None)
    assert owed(*rows) == [("CNY", Decimal("1800000.30"), 2, 0), ("USD", None, 1, 1)]
    assert owed(loan("A9", "7")) == [("", Decimal(7), 1, 0)], "the account is not known, so its currency is not"
    assert owed(*rows, more=True) == [], "a sum of some of them would be a wrong one"


def test_the_figure_is_an_amount_with_its_own_day(chief: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "accounts", lambda party: ACCOUNTS)
    monkeypatch.setattr(facts, "loans", lambda party: Rows([loan("A1", "1800000")], LATER, "信贷系统"))
    html = chief.get("/customers/P0000000041/figures", headers={"HX-Request": "true"}).text
    assert "贷款余额（CNY）" in html
    assert "1,800,000.00" in html
    assert "1 笔" in html
    assert "截至 2026-11-22" in html
    assert "2026-11-20" not in html


def test_transactions_say_which_account(chief: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    booked = {
        "legal_entity": "JQ", "txn_id": "T1", "date": DAY, "seq": 1, "direction": "C", "amount": Decimal(1),
        "balance": None, "currency": "CNY", "kind": "转账", "counterparty": None, "memo": None,
    }  # fmt: skip
    rows = [{**booked, "account_id": "A1"}, {**booked, "account_id": "A2"}]
    monkeypatch.setattr(facts, "accounts", lambda party: ACCOUNTS)
    monkeypatch.setattr(facts, "transactions", lambda party, asked, **how: Rows(rows, DAY, "核心系统"))
    for path in ("/customers/P0000000041/transactions", "/_panel/customers.transactions/P0000000041"):
        html = chief.get(path).text
        assert '<td class="nowrap">4087</td>' in html, path
        assert '<td class="nowrap">A2</td>' in html, "without a number, the source's own id"


def test_why_names_the_customer_in_its_title(chief: Any) -> None:
    assert "<title>为何可以查看 赵*" in chief.get("/customers/P0000000041/why").text
