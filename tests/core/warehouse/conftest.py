# ruff: noqa: E501, RUF005, RUF012
"""A bare app with a database, a warehouse, and feeds as the customers plugin declares them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Table, inspect, select
from sqlalchemy.orm import Mapped, mapped_column

from core import i18n, warehouse
from core.config import load
from core.contract import Column, Dataset, Dimension, Feed, Measure, ScopeProvider
from core.contract.protocols import Runtime
from core.db import secrets
from core.db import session as sessions
from core.db.base import metadata, plugin_base
from core.db.session import system_session
from core.db.types import UTCDateTime
from core.extensions import db
from core.warehouse import engine, models
from core.warehouse.batch import Report, run
from core.warehouse.source_file import parse

ACCOUNT_ID = "customers.account.account_id"


# Owned by a plugin of their own, so that nobody takes them for tables of the core.
TestBase = plugin_base("whtest")


class WarehouseParty(TestBase):  # type: ignore[misc,valid-type]
    """A customer, as the scope provider knows it."""

    __tablename__ = "whtest_party"
    id: Mapped[int] = mapped_column(primary_key=True)
    home: Mapped[int]


class WarehouseXref(TestBase):  # type: ignore[misc,valid-type]
    """How sources write the customer's number."""

    __tablename__ = "whtest_xref"
    __scope__ = {"customers.party": "party_id"}
    __warehouse_key__ = ("source", "number")
    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    number: Mapped[str]
    party_id: Mapped[int]


def make_feeds(apply: Callable[[Any], None] | None = None) -> list[Feed]:
    """The feeds of the customers plugin, as agreed."""
    text = [("org_code", ""), ("cert_type", ""), ("cert_no", "C2.id_no"), ("mobile", "C2.mobile"), ("gender", "")]
    party = [
        Column("source_cust_id", "text", "Number"),
        Column("kind", "text", "Kind"),
        Column("name", "text", "Name", True, "C2.name"),
        *(Column(name, "text", name, True, data_class) for name, data_class in text),
        Column("birth_date", "date", "Birth", True),
        Column("nationality", "text", "Nationality", True),
        Column("occupation", "text", "Occupation", True),
        Column("address", "text", "Address", True, "C2.address"),
        Column("email", "text", "E-mail", True, "C2.email"),
        Column("legal_rep", "text", "Representative", True, "C2.name"),
        Column("industry", "text", "Industry", True),
        Column("reg_capital", "money", "Capital", True),
        Column("open_date", "date", "Since", True),
        Column("status", "text", "Status", True),
    ]
    account = [
        Column("account_id", "text", "Id"),
        Column("account_no", "text", "Number", True, "C2.account"),
        Column("product", "text", "Product", True),
        Column("kind", "text", "Kind"),
        Column("currency", "text", "Currency"),
        Column("org_code", "text", "Organisation", True),
        Column("open_date", "date", "Opened", True),
        Column("maturity_date", "date", "Matures", True),
        Column("rate", "rate", "Rate", True),
        Column("balance", "money", "Balance", True),
        Column("status", "text", "Status", True),
    ]
    link = [
        Column("link_id", "text", "Id"),
        Column("account_id", "text", "Account", references=ACCOUNT_ID),
        Column("source_cust_id", "text", "Customer", references="customers.party.source_cust_id"),
        Column("role", "text", "Role"),
    ]
    transaction = [
        Column("txn_id", "text", "Id"),
        Column("account_id", "text", "Account", references=ACCOUNT_ID),
        Column("date", "date", "Date"),
        Column("seq", "int", "Order", True),
        Column("direction", "text", "Direction"),
        Column("amount", "money", "Amount"),
        Column("balance", "money", "Balance", True),
        Column("currency", "text", "Currency", True),
        Column("kind", "text", "Kind", True),
        Column("counterparty", "text", "Counterparty", True, "C2.name"),
        Column("memo", "text", "Memo", True),
    ]
    loan = [
        Column("loan_id", "text", "Id"),
        Column("account_id", "text", "Account", references=ACCOUNT_ID),
        Column("date", "date", "Granted"),
        Column("amount", "money", "Amount"),
        Column("term_months", "int", "Months"),
        Column("payment", "money", "Payment"),
        Column("status", "text", "Status"),
        Column("balance", "money", "Balance", True),
        Column("class", "text", "Class", True),
        Column("purpose", "text", "Purpose", True),
    ]
    card = [
        Column("card_id", "text", "Id"),
        Column("link_id", "text", "Link", references="customers.account_party.link_id"),
        Column("type", "text", "Type"),
        Column("issued", "date", "Issued"),
        Column("card_no", "text", "Number", True, "C2.card"),
    ]
    order = [
        Column("order_id", "text", "Id"),
        Column("account_id", "text", "Account", references=ACCOUNT_ID),
        Column("bank_to", "text", "Bank", True),
        Column("account_to", "text", "To", True, "C2.account"),
        Column("amount", "money", "Amount"),
        Column("purpose", "text", "Purpose", True),
    ]
    return [
        Feed("customers.party", "Customers", tuple(party), ("source_cust_id",), "full", apply),
        Feed("customers.account", "Accounts", tuple(account), ("account_id",), "full"),
        Feed("customers.account_party", "Links", tuple(link), ("link_id",), "full"),
        Feed("customers.transaction", "Transactions", tuple(transaction), ("txn_id",), "incremental"),
        Feed("customers.loan", "Loans", tuple(loan), ("loan_id",), "full"),
        Feed("customers.card", "Cards", tuple(card), ("card_id",), "full"),
        Feed("customers.standing_order", "Orders", tuple(order), ("order_id",), "full"),
    ]


VIA_PARTY = "customers.account_party.source_cust_id"
DATASETS = [
    Dataset(
        "customers.transactions", "Transactions", "customers.transaction",
        tuple(Dimension(n, n, n) for n in ("account_id", "date", "seq", "direction", "amount", "counterparty", "memo"))
        + (Dimension("party_id", "Customer", VIA_PARTY), Dimension("source", "Source", "source")),
        (Measure("total", "Total", "amount", "sum"), Measure("rows", "Rows", "txn_id", "count")),
        {"customers.party": "party_id"},
    ),
    Dataset(
        "customers.parties", "Customers", "customers.party",
        tuple(Dimension(n, n, n) for n in ("source_cust_id", "name", "cert_no", "kind", "birth_date", "reg_capital"))
        + (Dimension("party_id", "Customer", "source_cust_id"),),
        (Measure("rows", "Rows", "source_cust_id", "count"),), {"customers.party": "party_id"},
    ),
    Dataset(
        "customers.cards", "Cards", "customers.card",
        (Dimension("card_id", "Card", "card_id"), Dimension("party_id", "Customer", VIA_PARTY)), (),
        {"customers.party": "party_id"},
    ),
    Dataset("open.accounts", "Accounts", "customers.account",
            tuple(Dimension(n, n, n) for n in ("account_id", "product", "rate", "balance", "maturity_date")),
            (Measure("total", "Total", "balance", "sum"),)),
]  # fmt: skip


class FakeRegistry:
    """What the host's registry answers, settable by the test."""

    def __init__(self) -> None:
        provider = ScopeProvider(
            "customers.party", "Customers", WarehouseParty, "id", lambda reach, t: reach.covers(t.c.home)
        )
        self.things: dict[str, list[Any]] = {
            "crm_feeds": make_feeds(), "crm_datasets": list(DATASETS), "crm_scope_providers": [provider],
            "crm_models": [WarehouseParty, WarehouseXref],
        }  # fmt: skip

    def of(self, hook: str, snapshot: Any = None) -> tuple[tuple[str, Any], ...]:
        return tuple(("customers", thing) for thing in self.things.get(hook, []))

    def owner(self, hook: str, name: str) -> str | None:
        return "customers"


def make_app(instance: Path, database_url: str) -> Flask:
    """An app on a migrated database with what the warehouse needs and nothing else."""
    app = Flask("warehouse_test", instance_path=str(instance))
    config = load({"instance": instance, "testing": True, "database_url": database_url}, environ={})
    app.config.update(
        CRM=config, SECRET_KEY=config.secret_key, SQLALCHEMY_DATABASE_URI=config.database_url, TESTING=True
    )
    db.init_app(app)
    secrets.init_app(app)
    sessions.init_app(app)
    dispatch = SimpleNamespace(vetoes=lambda *_asked: ())
    app.extensions["crm"] = Runtime(FakeRegistry(), dispatch, lambda: None)  # type: ignore[arg-type]
    i18n.init_app(app)
    warehouse.init_app(app)
    with app.app_context():
        metadata.create_all(db.engine, tables=[WarehouseParty.__table__, WarehouseXref.__table__])
    return app


DESCRIPTION: dict[str, Any] = {
    "system": "核心系统",
    "legal_entity": "0000001",
    "folder": "in/{date}",
    "delimiter": "|$|",
    "control": {"file": "{stem}.ok", "fields": ["file", "bytes", "rows", "md5"]},
    "reject_limit": "0.9",
    "cut_off": False,
    "tables": {
        "party": {
            "feed": "customers.party", "file": "party.del", "mode": "full", "names": ["no", "kind", "name", "birth", "cap"],
            "columns": {"source_cust_id": "no", "kind": "kind", "name": "name", "birth_date": "birth", "reg_capital": "cap"},
        },
        "account": {
            "feed": "customers.account", "file": "account.del", "mode": "full", "names": ["id", "bal"],
            "columns": {"account_id": "id", "balance": "bal", "kind": {"constant": "demand"}, "currency": {"constant": "CNY"}},
        },
        "link": {
            "feed": "customers.account_party", "file": "link.del", "mode": "full", "names": ["id", "acc", "cust"],
            "columns": {"link_id": "id", "account_id": "acc", "source_cust_id": "cust", "role": {"constant": "OWNER"}},
        },
        "txn": {
            "feed": "customers.transaction", "file": "txn.del", "mode": "incremental",
            "names": ["id", "acc", "day", "dir", "amt", "cp"],
            "columns": {"txn_id": "id", "account_id": "acc", "date": "day", "direction": "dir", "amount": "amt",
                        "counterparty": "cp"},
        },
    },
}  # fmt: skip

DAY1, DAY2 = date(2026, 9, 29), date(2026, 9, 30)
GOOD: dict[str, list[str]] = {
    "party": ["0001|$|P|$|韡华|$|19491231|$|", "0002|$|C|$|东方商行|$||$|1000.50", "0003|$|P|$|阿卜杜拉·买买提|$||$|"],
    "account": ["A1|$|10.00", "A2|$|20.5", "A3|$|"],
    "link": ["L1|$|A1|$|0001", "L2|$|A2|$|0002", "L3|$|A3|$|0003", "L4|$|A3|$|0001"],
    "txn": [
        "T1|$|A1|$|20260929|$|C|$|10.00|$|李四",
        "T2|$|A2|$|20260929|$|D|$|0.01|$|",
        "T3|$|A3|$|20260929|$|C|$|7|$|",
    ],
}


@dataclass
class Bank:
    """Delivers files and runs the batch."""

    app: Flask
    instance: Path
    description: dict[str, Any] = field(default_factory=lambda: dict(DESCRIPTION))
    name: str = "core_system"

    def deliver(self, day: date, tables: Mapping[str, list[str] | bytes], flag: bool = True) -> None:
        """Write data files with their control files into the day's folder."""
        folder = self.instance / "in" / day.strftime("%Y%m%d")
        folder.mkdir(parents=True, exist_ok=True)
        for table, lines in tables.items():
            data = lines if isinstance(lines, bytes) else "".join(f"{line}\n" for line in lines).encode("gb18030")
            path = folder / f"{table}.del"
            path.write_bytes(data)
            if flag:
                md5 = hashlib.md5(data).hexdigest()
                (folder / f"{table}.ok").write_text(self.control(path, data, md5))

    @staticmethod
    def control(path: Path, data: bytes, md5: str) -> str:
        return "|".join((path.name, str(len(data)), str(data.count(b"\n")), md5))

    def run(self, upto: date | None = None) -> Report:
        return run([parse(self.description, f"{self.name}.toml", self.name)], upto)

    def states(self, report: Report) -> dict[str, str]:
        return {outcome.table: outcome.state for outcome in report.loads}

    @property
    def registry(self) -> FakeRegistry:
        found: FakeRegistry = self.app.extensions["crm"].registry
        return found


@pytest.fixture
def bank(tmp_path: Path, database_url: str) -> Iterator[Bank]:
    app = make_app(tmp_path, database_url)
    with app.app_context():
        yield Bank(app, tmp_path)
        db.session.remove()
        db.engine.dispose()


def real_data() -> Path | None:
    """The folder of the public data sets, when it is there."""
    given = os.environ.get("CRM_TEST_DATA")
    places = [Path(given)] if given else [p / "shared" / "data" for p in Path(__file__).resolve().parents[3:5]]
    return next((place for place in places if (place / "berka").is_dir()), None)


@pytest.fixture(name="real_data")
def _real_data() -> Path | None:
    return real_data()


@pytest.fixture
def good() -> dict[str, list[str]]:
    """One clean day."""
    return dict(GOOD)


@pytest.fixture
def days() -> tuple[date, date]:
    """Two business days that follow each other."""
    return DAY1, DAY2


INTAKE = re.compile(r"core_(load|partition|reject)|customers_.*")


def _intake_tables() -> list[Table]:
    """What a batch writes in the database, those referred to first."""
    there = set(inspect(db.engine).get_table_names())
    return [t for t in metadata.sorted_tables if INTAKE.fullmatch(t.name) and t.name in there]


def _plain(table: Table, row: Any, loads: Mapping[int, tuple[Any, ...]]) -> str:
    """A row without what differs from run to run by its nature: moments, and numbers the database gives out."""
    kept = {}
    for column in table.columns:
        numbered = column.primary_key and table.name != "customers_party"
        if not numbered and not isinstance(column.type, UTCDateTime):
            value = getattr(row, column.key)
            kept[column.name] = loads[value] if column.name == "load_id" else value
    return repr(kept)


def published_state() -> dict[str, str]:
    """Hash of each published file's bytes, and of all rows of each table a batch writes. No file lacks, none is left."""
    found = {}
    with system_session("test") as session:
        day = select(models.Load.id, models.Load.source, models.Load.table_name, models.Load.business_date)
        loads = {number: tuple(rest) for number, *rest in session.execute(day)}
        for table in _intake_tables():
            rows = sorted(_plain(table, row, loads) for row in session.execute(select(table)))
            found[table.name] = f"{len(rows)} {hashlib.sha256(chr(10).join(rows).encode()).hexdigest()}"
        listed = set(session.scalars(select(models.Partition.path)))
    files = {p.relative_to(engine.folder()).as_posix(): p for p in engine.folder().rglob("*") if p.is_file()}
    left = [name for name in files if name != ".lock" and name not in listed]
    assert left == [], "files nothing lists"
    return found | {name: hashlib.sha256(files[name].read_bytes()).hexdigest() for name in listed}


def wipe() -> None:
    """As if nothing had ever been loaded."""
    with system_session("test") as session:
        for table in reversed(_intake_tables()):
            session.execute(table.delete())
        session.commit()
    for path in engine.folder().iterdir():
        if path.name == ".lock":
            path.unlink()
        elif path.name != ".spill":
            shutil.rmtree(path)


@pytest.fixture(name="published_state")
def _published_state() -> Callable[[], dict[str, str]]:
    return published_state


@pytest.fixture(name="wipe")
def _wipe() -> Callable[[], None]:
    return wipe
