"""Asking for facts: inside the scope, page by page, exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import true

from core.db.session import Access, ScopeError, new_session, system_session
from core.extensions import db
from core.warehouse import Range, UnknownDataset, as_of, query, status
from core.warehouse.models import Partition


@dataclass(frozen=True)
class Homes:
    """A reach over the parties of some homes."""

    homes: frozenset[int]
    whole_bank: bool = False
    employee_id: int | None = None
    lines: frozenset[str] | None = None

    def covers(self, org_id: Any) -> Any:
        return true() if self.whole_bank else org_id.in_(sorted(self.homes))


@pytest.fixture
def loaded(bank: Any, good: Any, days: Any) -> Any:
    """Parties 1, 2, 3 in homes 1, 2, 3; account A3 belongs to 1 and 3."""
    bank.deliver(days[0], good)
    bank.deliver(days[1], {**good, "txn": ["T4|$|A1|$|20260930|$|C|$|5|$|", "T5|$|A2|$|20260930|$|C|$|6|$|李四"]})
    assert bank.run().exit_code == 0
    party, xref = (m for m in bank.registry.things["crm_models"])
    with system_session("test") as session:
        for number in (1, 2, 3):
            session.add(party(id=number, home=number))
            session.add(xref(id=number, source=bank.name, number=f"{number:04d}", party_id=number))
        session.commit()
    return bank


def seen(homes: set[int], **kw: Any) -> list[str]:
    with new_session(access=Access(1, "x", Homes(frozenset(homes))), mode="read") as session:
        kw = {"where": {}, "columns": ["account_id", "date", "amount"], "order_by": ["date"], **kw}
        rows = query("customers.transactions", session=session, **kw).rows
        return sorted(f"{r['account_id']} {r['amount']}" for r in rows)


def test_only_facts_of_visible_customers_come_back(loaded: Any) -> None:
    assert seen({1}) == ["A1 10.00", "A1 5.00", "A3 7.00"]
    assert seen({2}) == ["A2 0.01", "A2 6.00"]
    assert seen({3}) == ["A3 7.00"]
    assert seen(set()) == []
    assert len(seen({1, 2, 3})) == 5


def test_naming_a_customer_out_of_reach_gives_nothing(loaded: Any) -> None:
    assert seen({2}, where={"party_id": 1}) == []
    assert seen({1, 2}, where={"party_id": [2]}) == ["A2 0.01", "A2 6.00"]
    assert seen({2}, where={"account_id": ["A1", "A2"]}) == ["A2 0.01", "A2 6.00"]


def test_a_change_of_reach_holds_at_the_next_query(loaded: Any) -> None:
    party = loaded.registry.things["crm_models"][0]
    assert seen({1}, where={"party_id": 1}) != []
    with system_session("handover") as session:
        session.get(party, 1).home = 2
        session.commit()
    assert seen({1}) == [] and len(seen({2})) == 5


def test_no_provider_means_no_rows_even_for_the_system(loaded: Any) -> None:
    loaded.registry.things["crm_scope_providers"] = []
    with system_session("test") as session:
        assert query("customers.transactions", where={}, session=session).rows == []


def test_a_session_without_access_is_refused(loaded: Any) -> None:
    with pytest.raises(ScopeError):
        query("customers.transactions", where={}, session=db.session())


def test_another_bank_with_the_same_numbers_stays_apart(loaded: Any, days: Any, good: Any) -> None:
    """Accounts and customers of two legal entities may carry the same numbers."""
    before = seen({1})
    loaded.name = "other_bank"
    loaded.description = {**loaded.description, "legal_entity": "0000002"}
    assert loaded.run().exit_code == 0
    assert seen({1}) == before
    xref = loaded.registry.things["crm_models"][1]
    with system_session("test") as session:
        session.add(xref(id=9, source="other_bank", number="0002", party_id=1))
        session.commit()
    assert seen({1}) == sorted([*before, "A2 0.01", "A2 6.00"])


def test_measures_are_exact_and_grouped(loaded: Any) -> None:
    with system_session("test") as session:
        answer = query("customers.transactions", where={}, columns=["account_id", "total", "rows"],
                       order_by=["-total"], session=session)  # fmt: skip
    assert [(r["account_id"], r["total"], r["rows"]) for r in answer.rows] == [
        ("A1", Decimal("15.00"), 2), ("A3", Decimal("7.00"), 1), ("A2", Decimal("6.01"), 2),
    ]  # fmt: skip


def test_one_figure_over_everything(loaded: Any) -> None:
    with system_session("test") as session:
        answer = query("customers.transactions", where={}, columns=["total", "rows"], session=session)
    assert answer.rows == [{"total": Decimal("28.01"), "rows": 5}] and answer.next is None


def test_ranges_missing_values_and_identifiers(loaded: Any, days: Any) -> None:
    def ids(**where: Any) -> list[str]:
        with system_session("test") as session:
            rows = query("customers.transactions", where=where, session=session, order_by=["amount"]).rows
            return [str(r["amount"]) for r in rows]

    assert ids(date=Range(days[1])) == ["5.00", "6.00"]
    assert ids(date=Range(end=days[0])) == ["0.01", "7.00", "10.00"]
    assert ids(amount=Range(Decimal("5"), Decimal("7"))) == ["5.00", "6.00", "7.00"]
    assert ids(seq=None) == ["0.01", "5.00", "6.00", "7.00", "10.00"]
    assert ids(counterparty="李四") == ["6.00", "10.00"]
    assert ids(counterparty="李*") == []
    assert ids(account_id=[]) == []
    assert ids(amount=[Decimal("5.00"), Decimal("0.01")]) == ["0.01", "5.00"]
    assert ids(date=days[1]) == ["5.00", "6.00"]
    assert ids(account_id='A1"]') == []


def test_full_feeds_show_the_newest_day_or_the_one_asked_for(loaded: Any, days: Any, good: Any) -> None:
    loaded.deliver(date(2026, 10, 1), {**good, "account": ["A1|$|99", "A2|$|20.5", "A3|$|"], "txn": []})
    loaded.run()
    newest = query("open.accounts", where={"account_id": "A1"})
    assert (newest.rows[0]["balance"], newest.as_of) == (Decimal("99.00"), date(2026, 10, 1))
    older = query("open.accounts", where={"account_id": "A1"}, as_of=days[0])
    assert (older.rows[0]["balance"], older.as_of, older.source) == (Decimal("10.00"), days[0], "核心系统")
    assert query("open.accounts", where={}, as_of=date(2020, 1, 1)).as_of is None
    assert as_of("customers.account") == date(2026, 10, 1) and as_of("customers.loan") is None
    assert {(s.table, s.days) for s in status()} == {("party", 3), ("account", 3), ("link", 3), ("txn", 3)}


def test_a_column_younger_than_the_files_is_missing_not_an_error(loaded: Any) -> None:
    from core.contract import Column

    feed = next(f for f in loaded.registry.things["crm_feeds"] if f.name == "customers.account")
    wider = type(feed)(feed.name, feed.label, (*feed.columns, Column("risk", "text", "Risk", True)), feed.key, "full")
    loaded.registry.things["crm_feeds"] = [wider if f is feed else f for f in loaded.registry.things["crm_feeds"]]
    assert len(query("open.accounts", where={}).rows) == 3


def test_names_nobody_declared_are_refused(loaded: Any) -> None:
    for dataset, kw in (
        ("customers.nothing", {}),
        ("open.accounts", {"where": {"owner": 1}}),
        ("open.accounts", {"columns": ["secret"]}),
        ("open.accounts", {"order_by": ["secret"]}),
        ("open.accounts", {"columns": ["product", "total"], "order_by": ["rate"]}),
    ):
        with pytest.raises(UnknownDataset):
            query(dataset, **{"where": {}, **kw})
    with system_session("test") as session, pytest.raises(UnknownDataset, match="cannot be listed"):
        query("customers.transactions", where={}, columns=["party_id"], session=session)
    for kw in ({"limit": 0}, {"limit": 10_001}, {"after": ("A1",)}):
        with pytest.raises(ValueError):
            query("open.accounts", where={}, **kw)


def test_nothing_published_is_no_rows_and_no_day(bank: Any) -> None:
    answer = query("open.accounts", where={})
    assert (answer.rows, answer.as_of, answer.source) == ([], None, "")


def test_unlisted_files_are_never_read(loaded: Any) -> None:
    with system_session("test") as session:
        session.delete(
            session.query(Partition).filter_by(feed="customers.transaction", business_date=date(2026, 9, 30)).one()
        )
        session.commit()
    assert seen({1, 2, 3}) == ["A1 10.00", "A2 0.01", "A3 7.00"]


@settings(max_examples=15)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=12),
    size=st.integers(1, 5), descending=st.booleans(),
)  # fmt: skip
def test_pages_together_are_the_whole_list(
    bank: Any, good: Any, days: Any, values: Any, size: int, descending: bool
) -> None:
    bank.description = {**bank.description, "max_shrink": "1"}  # each example delivers the same day again
    lines = [f"A{n:02d}|$|{'' if v is None else v}" for n, v in enumerate(values)]
    bank.deliver(days[0], {**good, "account": lines, "link": [], "txn": []})
    assert bank.run().exit_code == 0
    order, after, got = ["-balance" if descending else "balance"], None, []
    while True:
        page = query("open.accounts", where={}, order_by=order, limit=size, after=after)
        got += [(r["account_id"], r["balance"]) for r in page.rows]
        assert len(page.rows) <= size
        after = page.next
        if after is None:
            break
    there = sorted((v for v in values if v is not None), reverse=descending)
    assert [v for _, v in got if v is not None] == there
    assert [v for _, v in got[len(there) :]] == [None] * values.count(None)
    assert len({a for a, _ in got}) == len(values)
