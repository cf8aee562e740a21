"""Customers of the practice bank: persons, individual businesses, companies, financial institutions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from plugins.samplebank import words
from plugins.samplebank.numbers import USCC_LETTERS, org_code, resident_id, resident_id_15, uscc

SUB_BRANCHES = ("0101", "0102", "0103", "0201", "0202", "0203")
OUTLETS = tuple(f"{branch}{number}" for branch in SUB_BRANCHES for number in ("01", "02"))
"""Organisation codes below 总行 0000 and the branches 0100 and 0200; the demo organisations have the same."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One line of the customer master, as text."""

    number: str
    kind: str
    name: str
    org: str
    id_type: str
    id_no: str
    mobile: str
    sex: str
    birthday: str
    nation: str
    occupation: str
    address: str
    email: str
    legal_rep: str
    industry: str
    capital: str
    opened: date
    status: str

    def fields(self, mobile: str | None = None) -> list[str]:
        """Its fields in file order, with another mobile number when given."""
        return [
            self.number, self.kind, self.name, self.org, self.id_type, self.id_no, mobile or self.mobile, self.sex,
            self.birthday, self.nation, self.occupation, self.address, self.email, self.legal_rep, self.industry,
            self.capital, f"{self.opened:%Y%m%d}", self.status,
        ]  # fmt: skip


def customer(rng: Random, number: int, end: date) -> Customer:
    """Customer ``number``. One in a thousand opens in the last nights, so that deliveries differ."""
    chance = rng.random()
    opened = end - timedelta(days=int(rng.random() * 3) if rng.random() < 0.001 else 4 + int(rng.random() * 5000))
    org = rng.choice(OUTLETS) if rng.random() < 0.8 else rng.choice(SUB_BRANCHES)
    common = (f"{number:010d}", org, opened)
    if chance < 0.91:
        return _person(rng, common, end)
    if chance < 0.95:
        return _business(rng, common, end)
    return _company(rng, common, end, "F" if chance > 0.999 else "C")


def mobile(rng: Random) -> str:
    """Eleven digits that look like a mobile number."""
    return f"1{rng.choice('3356788899')}{rng.randrange(10**9):09d}"


def person_name(rng: Random, male: bool) -> str:
    """A name: most of two or three characters, some with rare ones, some with the separator."""
    chance = rng.random()
    if chance < 0.006:
        return rng.choice(words.MINORITY)
    surname = rng.choice(words.DOUBLE_SURNAMES) if chance < 0.012 else rng.choice(words.SURNAMES)
    given = rng.choice(words.MALE if male else words.FEMALE)
    if rng.random() < 0.7:
        given += rng.choice(words.MALE if male else words.FEMALE)
    if chance > 0.99:
        given = given[:-1] + rng.choice(words.RARE)
    return surname + given


def _address(rng: Random) -> tuple[str, str]:
    code, province, city, district = rng.choice(words.PLACES)
    street, estate = rng.choice(words.STREETS), rng.choice(words.ESTATES)
    house = f"{rng.randrange(1, 400)}号{estate}{rng.randrange(1, 40)}幢{rng.randrange(101, 3300)}室"
    return code, f"{province}{city}{district}{street}{house}"


def _citizen(rng: Random, end: date, region: str) -> tuple[str, date, bool]:
    born = end - timedelta(days=int((18 + 67 * rng.random() ** 1.2) * 365.25))
    male = rng.random() < 0.5
    order = rng.randrange(500) * 2 + male
    return resident_id(f"{region}{born:%Y%m%d}{order:03d}"), born, male


def _status(rng: Random) -> str:
    chance = rng.random()
    return "1" if chance < 0.93 else "2" if chance < 0.97 else "3" if chance < 0.99 else "0"


def _person(rng: Random, common: tuple[str, str, date], end: date) -> Customer:
    number, org, opened = common
    region, address = _address(rng)
    id_no, born, male = _citizen(rng, end, region)
    kind, name, nation = "01", person_name(rng, male), "CHN"
    if rng.random() < 0.004:
        kind, id_no, name, nation = "04", f"E{rng.randrange(10**8):08d}", rng.choice(words.FOREIGN), "XXX"
    elif born.year < 1970 and rng.random() < 0.03:
        id_no = resident_id_15(id_no)
    email = f"user{number}@example.com" if rng.random() < 0.3 else ""
    return Customer(
        number, "1", name, org, kind, id_no, mobile(rng) if rng.random() < 0.97 else "", "1" if male else "2",
        f"{born:%Y%m%d}", nation, rng.choice(words.OCCUPATIONS), address, email, "", "", "", opened, _status(rng),
    )  # fmt: skip


def _credit_code(rng: Random, head: str, region: str) -> str:
    first8 = "MA" + "".join(rng.choice(USCC_LETTERS) for _ in range(6))
    return uscc(head + region + org_code(first8))


def _business(rng: Random, common: tuple[str, str, date], end: date) -> Customer:
    number, org, opened = common
    region, address = _address(rng)
    owner = person_name(rng, rng.random() < 0.6)
    name = f"{address[3:6]}{rng.choice(words.BRANDS)}{owner[-1]}{rng.choice(words.SMALL_TRADES)}"
    return Customer(
        number, "4", name, org, "11", _credit_code(rng, "92", region), mobile(rng), "", "", "CHN", "", address, "",
        owner, rng.choice(words.TRADES)[1], "", opened, _status(rng),
    )  # fmt: skip


def _company(rng: Random, common: tuple[str, str, date], end: date, kind: str) -> Customer:
    number, org, opened = common
    region, address = _address(rng)
    trade, industry = rng.choice(words.TRADES)
    city = address[address.index("省") + 1 if "省" in address else address.index("区") + 1 :].partition("市")[0]
    brand = rng.choice(words.BRANDS) + rng.choice(words.BRANDS)
    name = f"{city}{brand}{trade}有限公司"
    if kind == "F":
        name, industry = rng.choice(words.BANKS).replace("某某", city + brand), "J6621"
    elif rng.random() < 0.05:
        name = f"{brand}{trade}（{city}）股份有限公司"
    capital = f"{rng.choice((10, 50, 100, 200, 500, 1000, 5000, 20000)) * 10000}.00"
    return Customer(
        number, "3" if kind == "F" else "2", name, org, "11", _credit_code(rng, "91", region), mobile(rng), "", "",
        "CHN", "", address, "", person_name(rng, rng.random() < 0.7), industry, capital, opened, _status(rng),
    )  # fmt: skip
