"""The deliveries of the practice bank: history as one bulk day, then nights, each in a folder of its date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random

from plugins.samplebank.accounts import HISTORY, Account, accounts_of, transactions, yuan
from plugins.samplebank.files import DataFile, Dirt, changed, repeated, undecodable
from plugins.samplebank.numbers import luhn
from plugins.samplebank.people import Customer, customer, mobile, person_name
from plugins.samplebank.words import PURPOSES

LAST_DAY = date(2026, 11, 20)

PARTY, ACCOUNT, LINK, TXN, LOAN, CARD, ORDER = (
    "ci_custmast_all", "ch_acct_mast_all", "ch_acct_cust_all", "ch_nobook_add", "ln_acct_dtls_all", "ic_card_all",
    "so_order_all",
)  # fmt: skip

DIRT: dict[str, tuple[Dirt, ...]] = {
    PARTY: (
        Dirt("undecodable", 4_000, undecodable(2, "9")),
        Dirt("column_count", 4_000, changed(11, "人民路1号|$|2幢", "9")),
        Dirt("bad_date", 4_000, changed(8, "19890231", "9")),
        Dirt("duplicate_key", 4_000, repeated),
    ),
    ACCOUNT: (
        Dirt("bad_number", 10_000, changed(9, "1,000.00", "9")),
        Dirt("missing", 10_000, changed(4, "", "9")),
        Dirt("unmapped", 10_000, changed(3, "7", "9")),
    ),
    LINK: (Dirt("unknown_reference", 10_000, changed(1, "9999999999", "X")),),
    TXN: (
        Dirt("undecodable", 50_000, undecodable(10, "X")),
        Dirt("column_count", 50_000, changed(10, "货款|$|尾款", "X")),
        Dirt("unknown_reference", 50_000, changed(1, "9999999999", "X")),
        Dirt("bad_date", 50_000, changed(2, "20261301", "X")),
        Dirt("too_many_decimals", 50_000, changed(5, "10.005", "X")),
    ),
    LOAN: (),
    CARD: (),
    ORDER: (),
}
"""Kinds of dirt of each file; the README has the same as a table."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Written:
    """One file of a delivery."""

    day: date
    file: str
    rows: int
    refused: dict[str, int]


def write(
    out: Path, customers: int, nights: int, seed: int, end: date = LAST_DAY, progress: Progress | None = None
) -> list[Written]:
    """Write the deliveries into one folder a day below ``out``. The same arguments give the same bytes.

    Holds one customer at a time. ``nights`` daily deliveries end on ``end``; what was before comes the day before them.
    """
    dates = [end - timedelta(days=n) for n in range(nights, -1, -1)]
    bank = _Bank(out, dates, Random(f"{seed}:bank"))  # noqa: S311  must be repeatable
    for number in range(1, customers + 1):
        bank.add(number)
        if progress and number % 500 == 0:
            progress(number, customers)
    return bank.close()


class _Bank:
    """All files of all deliveries, being written."""

    def __init__(self, out: Path, dates: list[date], rng: Random) -> None:
        self.dates, self.rng = dates, rng
        self.cuts = [f"{day:%Y%m%d}" for day in dates]
        first = dates[-1] - timedelta(days=HISTORY - 1)
        self.days = [f"{first + timedelta(days=n):%Y%m%d}" for n in range(HISTORY)]
        self.files: list[dict[str, DataFile]] = []
        for cut in self.cuts:
            folder = out / cut
            folder.mkdir(parents=True, exist_ok=True)
            # An old flag would tell a reader that the file being written is whole.
            for name in DIRT:
                (folder / f"{name}.ok").unlink(missing_ok=True)
            self.files.append({name: DataFile(folder / f"{name}.del", dirt) for name, dirt in DIRT.items()})
        self.others = [person_name(rng, rng.random() < 0.5) for _ in range(1500)]
        self.before = dates[0]
        self.accounts = self.links = self.loans = self.cards = self.orders = 0

    def add(self, number: int) -> None:
        """One customer with everything that is theirs."""
        rng = self.rng
        who = customer(rng, number, self.dates[-1])
        phone = mobile(rng) if rng.random() < 0.006 else None
        moved = rng.randrange(1, len(self.dates) + 1)
        start = self._start(who.opened)
        for delivery in range(start, len(self.dates)):
            self._put(delivery, PARTY, who.fields(phone if delivery >= moved else None))
        for account in list(accounts_of(rng, who, self.accounts + 1, self.dates[-1])):
            self.accounts += 1
            self._account(who, account)
        self.before = who.opened

    def _start(self, opened: date) -> int:
        """The first delivery that knows something opened on that day."""
        return next(n for n, day in enumerate(self.dates) if opened <= day)

    def _account(self, who: Customer, account: Account) -> None:
        rng = self.rng
        moves = transactions(rng, account, who.kind != "1", self.cuts, self.days, self.others)
        start = self._start(account.opened)
        for delivery, lines in enumerate(moves):
            if delivery >= start:
                self._put(delivery, ACCOUNT, account.fields(delivery))
            self.files[delivery][TXN].add(lines)
        owner = self._link(account, who.number, "1", start)
        if who.kind == "1" and account.kind == "1" and rng.random() < 0.03 and int(who.number) > 1:
            self._link(account, f"{int(who.number) - 1:010d}", "2", max(start, self._start(self.before)))
        if account.kind == "1":
            self._products(who, account, owner, start)

    def _link(self, account: Account, customer_number: str, role: str, start: int) -> str:
        self.links += 1
        link = f"{self.links:010d}"
        for delivery in range(start, len(self.dates)):
            self._put(delivery, LINK, [link, account.id, customer_number, role])
        return link

    def _products(self, who: Customer, account: Account, link: str, start: int) -> None:
        rng, end = self.rng, self.dates[-1]
        if who.kind == "1" and rng.random() < 0.5:
            self.cards += 1
            issued = account.opened
            number = luhn(f"622848{self.cards:012d}")
            kind = "金卡" if rng.random() < 0.15 else "普通卡"
            self._all(start, CARD, [f"C{self.cards:09d}", link, kind, f"{issued:%Y%m%d}", number])
        if rng.random() < 0.06:
            self.loans += 1
            months = rng.choice((12, 24, 36, 60, 120, 240))
            amount = rng.randrange(3, 200) * 1_000_000 * (1 if who.kind == "1" else 10)
            granted = max(account.opened, end - timedelta(days=int(rng.random() * months * 30)))
            left = amount * max(1, months - (end - granted).days // 30) // months
            bad = rng.random()
            grade = "正常" if bad < 0.95 else "关注" if bad < 0.98 else "次级"
            status = "1" if bad < 0.97 else "2"
            loan = [f"L{self.loans:09d}", account.id, f"{granted:%Y%m%d}", yuan(amount), str(months)]
            loan += [yuan(amount // months), status, yuan(left), grade, rng.choice(PURPOSES)]
            self._all(start, LOAN, loan)
        if rng.random() < 0.1:
            self.orders += 1
            amount = rng.randrange(5_000, 500_000)
            target = luhn(f"622700{rng.randrange(10**12):012d}")
            self._all(start, ORDER, [f"S{self.orders:09d}", account.id, "105100000017", target, yuan(amount), "转账"])

    def _all(self, start: int, name: str, fields: list[str]) -> None:
        for delivery in range(start, len(self.dates)):
            self._put(delivery, name, fields)

    def _put(self, delivery: int, name: str, fields: list[str]) -> None:
        self.files[delivery][name].add([fields])

    def close(self) -> list[Written]:
        """Finish every file, and its flag."""
        found = []
        for day, files in zip(self.dates, self.files, strict=True):
            for name, file in files.items():
                file.close()
                found.append(Written(day, name, file.rows, dict(file.refused)))
        return found
