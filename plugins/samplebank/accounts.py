"""Accounts of one customer with what happened on them, in whole fen."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from plugins.samplebank import words
from plugins.samplebank.numbers import luhn
from plugins.samplebank.people import Customer

HISTORY = 91
"""Days of transactions."""


def yuan(fen: int) -> str:
    """Fen as the core system writes amounts."""
    return f"{fen // 100}.{fen % 100:02d}"


@dataclass(slots=True)
class Account:
    """One account; ``balances[n]`` is that at the end of delivery ``n``."""

    id: str
    number: str
    product: str
    kind: str
    org: str
    opened: date
    matures: date | None
    rate: str
    status: str
    balances: list[int] = field(default_factory=list)

    def fields(self, delivery: int) -> list[str]:
        """Its fields in file order."""
        matures = "" if self.matures is None else f"{self.matures:%Y%m%d}"
        return [self.id, self.number, self.product, self.kind, "CNY", self.org, f"{self.opened:%Y%m%d}", matures,
                self.rate, yuan(self.balances[delivery]), self.status]  # fmt: skip


def accounts_of(rng: Random, customer: Customer, first: int, end: date) -> Iterator[Account]:
    """2.4 accounts a customer on average; ``first`` is the number of the first."""
    count = 1 + (rng.random() < 0.75) + (rng.random() < 0.45) + (rng.random() < 0.2)
    for number in range(first, first + count):
        term = number > first and rng.random() < 0.35
        span = max((end - customer.opened).days, 1)
        opened = customer.opened + timedelta(days=int(rng.random() * (span if number > first else 1)))
        status = "A" if rng.random() < 0.95 else "S" if rng.random() < 0.8 else "F"
        common = (f"{number:010d}", luhn(f"621799{number:012d}"))
        if term:
            product, months, rate = rng.choice(words.TERM)
            matures = end + timedelta(days=int(rng.random() * months * 30) + 1)
            yield Account(*common, product, "2", customer.org, opened, matures, rate, status)
        else:
            product = words.DEMAND[2] if customer.kind != "1" else words.DEMAND[number % 2]
            yield Account(*common, product, "1", customer.org, opened, None, "0.0500", status)


def transactions(
    rng: Random, account: Account, company: bool, cuts: list[str], days: list[str], other: list[str]
) -> list[list[list[str]]]:
    """Transactions by delivery, and the account's balances. ``days`` are all days of the history as text, ``cuts`` the
    last day of each delivery, ``other`` names of counterparties."""
    random, size = rng.random, 100 if company else 1
    balance = int(10 ** (4.0 + 3.0 * random())) * size
    # A young account has a short history; a term deposit only its interest.
    span = max(1, len(days) - bisect_left(days, f"{account.opened:%Y%m%d}"))
    count = int(span * (0.30 + 0.14 * random())) if account.kind == "1" else int(random() * 2)
    if account.status != "A":
        count = min(count, 1)
    base, head, delivery = len(days) - span, account.id, 0
    found: list[list[list[str]]] = [[] for _ in cuts]
    for number in range(count):
        day = days[base + int((number + random()) * span / count)]
        while day > cuts[delivery]:
            account.balances.append(balance)
            delivery += 1
        amount = int(10 ** (2.5 + 2.6 * random())) * size
        if random() < 0.42 or amount > balance:
            sign, memo = "C", words.MEMOS_IN[int(random() * 8)]
            balance += amount
        else:
            sign, memo = "D", words.MEMOS_OUT[int(random() * 10)]
            balance -= amount
        name = other[int(random() * len(other))] if random() < 0.5 else ""
        found[delivery].append(
            [f"{head}{number:05d}", head, day, str(number + 1), sign, f"{amount // 100}.{amount % 100:02d}",
             f"{balance // 100}.{balance % 100:02d}", "CNY", memo, name, memo]
        )  # fmt: skip
    account.balances += [balance] * (len(cuts) - len(account.balances))
    return found
