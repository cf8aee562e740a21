"""Datasets under row scope: random homes, readers and questions, against a plain-Python oracle of who may see what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.db.session import Access, CrmSession, new_session, system_session
from core.warehouse import query

DAY = date(2026, 9, 29)
PARTIES, HOMES = 5, 3
# Which parties share which account, and the amounts booked on each: fixed facts, as a night's files bring them.
OWNERS = {"A1": {1}, "A2": {2}, "A3": {1, 3}, "A4": {4, 5}, "A5": {5}, "A6": {2, 3, 4}}
BOOKED = {"A1": [10, -3], "A2": [7], "A3": [1, 2, 3], "A4": [100], "A5": [5, 6], "A6": [8]}

homes = st.tuples(*(st.integers(1, HOMES) for _ in range(PARTIES)))
reaches = st.frozensets(st.integers(1, HOMES), max_size=HOMES)


@dataclass(frozen=True)
class Homes:
    """A reach over the parties of some homes."""

    homes: frozenset[int]
    whole_bank: bool = False
    employee_id: int | None = None
    lines: frozenset[str] | None = None

    def covers(self, org_id: Any) -> Any:
        return org_id.in_(sorted(self.homes))


@dataclass
class Night:
    """The loaded bank, and where its parties live now."""

    party: Any
    lives: tuple[int, ...] = (1,) * PARTIES

    def move(self, lives: tuple[int, ...]) -> None:
        with system_session("test") as session:
            for number, home in enumerate(lives, 1):
                session.get(self.party, number).home = home
            session.commit()
        self.lives = lives

    def sees(self, reach: frozenset[int]) -> set[int]:
        return {number for number, home in enumerate(self.lives, 1) if home in reach}


def accounts(parties: set[int]) -> set[str]:
    return {account for account, owners in OWNERS.items() if owners & parties}


def amounts(of: set[str]) -> list[Decimal]:
    return sorted(Decimal(amount).quantize(Decimal("0.01")) for account in of for amount in BOOKED[account])


@pytest.fixture
def night(bank: Any) -> Night:
    bank.deliver(DAY, files())
    assert bank.run().exit_code == 0
    party, xref = bank.registry.things["crm_models"]
    numbers = range(1, PARTIES + 1)
    with system_session("test") as session:
        session.add_all(party(id=n, home=1) for n in numbers)
        session.flush()
        session.add_all(xref(id=n, source=bank.name, number=f"{n:04d}", party_id=n) for n in numbers)
        session.commit()
    return Night(party)


def files() -> dict[str, list[str]]:
    links = [(account, owner) for account, owners in OWNERS.items() for owner in sorted(owners)]
    booked = [(account, amount) for account, every in BOOKED.items() for amount in every]
    return {
        "party": [f"{n:04d}|$|P|$|张三|$||$|" for n in range(1, PARTIES + 1)],
        "account": [f"{account}|$|1.00" for account in OWNERS],
        "link": [f"L{n}|$|{account}|$|{owner:04d}" for n, (account, owner) in enumerate(links)],
        "txn": [f"T{n}|$|{account}|$|20260929|$|C|$|{amount}|$|" for n, (account, amount) in enumerate(booked)],
    }


def everything(session: CrmSession, see: set[int], k: int) -> None:
    rows = query("customers.transactions", where={}, session=session).rows
    assert sorted(row["amount"] for row in rows) == amounts(accounts(see))


def one_party(session: CrmSession, see: set[int], k: int) -> None:
    rows = query("customers.transactions", where={"party_id": k}, session=session).rows
    assert sorted(row["amount"] for row in rows) == amounts(accounts({k} & see))


def some_accounts(session: CrmSession, see: set[int], k: int) -> None:
    asked = {f"A{k}", "A4", "A6"}
    rows = query("customers.transactions", where={"account_id": sorted(asked)}, session=session).rows
    assert sorted(row["amount"] for row in rows) == amounts(accounts(see) & asked)


def figures(session: CrmSession, see: set[int], k: int) -> None:
    rows = query("customers.transactions", where={}, columns=["account_id", "total"], session=session).rows
    assert {row["account_id"]: row["total"] for row in rows} == {a: sum(amounts({a})) for a in accounts(see)}


def pages(session: CrmSession, see: set[int], k: int) -> None:
    got, after = [], None
    while True:
        page = query("customers.transactions", where={}, order_by=["-amount"], limit=k, after=after, session=session)
        got += [row["amount"] for row in page.rows]
        after = page.next
        if after is None:
            break
    assert got == amounts(accounts(see))[::-1]


ASKED = st.sampled_from([everything, one_party, some_accounts, figures, pages])
happenings = st.lists(st.tuples(homes, reaches, ASKED, st.integers(1, PARTIES)), min_size=1, max_size=4)


@settings(max_examples=10)
@given(happens=happenings)
def test_facts_follow_the_live_scope_of_whoever_asks(night: Night, happens: Any) -> None:
    """Between two questions parties move; the next reader sees the facts of those that are in reach by then, alone."""
    for lives, reach, ask, k in happens:
        night.move(lives)
        with new_session(access=Access(1, "x", Homes(reach)), mode="read") as session:
            ask(session, night.sees(reach), k)
