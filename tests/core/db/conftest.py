"""A little bank of its own metadata: an organisation tree, customers, what hangs on them, and their readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from sqlalchemy import ForeignKey, MetaData, Table, create_engine, false, func, or_, select, true
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    mapped_column,
    relationship,
)

from core.contract.types import ScopeProvider
from core.db.session import Access, CrmSession, install


class Base(DeclarativeBase):
    metadata = MetaData()


class Org(Base):
    __tablename__ = "t_org"
    id: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]


class Product(Base):
    __tablename__ = "t_product"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Case(Base):
    __tablename__ = "t_case"
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int] = mapped_column(ForeignKey("t_org.id"))


class Account(Base):
    __tablename__ = "t_account"
    __scope__: ClassVar = {"t.party": "party_id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int | None] = mapped_column(ForeignKey("t_party.id"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("t_product.id"))
    balance: Mapped[int] = mapped_column(default=0)
    party: Mapped[Party | None] = relationship(back_populates="accounts")
    product: Mapped[Product | None] = relationship()


class Ownership(Base):
    __tablename__ = "t_ownership"
    __scope__: ClassVar = {"t.party": "party_id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("t_party.id"))
    employee_id: Mapped[int]


class Party(Base):
    __tablename__ = "t_party"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    home_org_id: Mapped[int] = mapped_column(ForeignKey("t_org.id"))
    head_id: Mapped[int | None] = mapped_column(ForeignKey("t_party.id"))
    accounts: Mapped[list[Account]] = relationship(back_populates="party", cascade="all, delete-orphan")
    tags: Mapped[list[Tag]] = relationship(cascade="all, delete-orphan")
    owners: Mapped[list[Ownership]] = relationship()
    head: Mapped[Party | None] = relationship(remote_side=id)
    account_count: Mapped[int] = column_property(
        select(func.count(Account.id)).where(Account.party_id == id).correlate_except(Account).scalar_subquery(),
        deferred=True,
    )


class Tag(Base):
    __tablename__ = "t_tag"
    __scope__: ClassVar = {"t.party": "party_id"}
    party_id: Mapped[int] = mapped_column(ForeignKey("t_party.id"), primary_key=True)
    word: Mapped[str] = mapped_column(primary_key=True)
    colour: Mapped[str] = mapped_column(default="")


class Meeting(Base):
    """Follows two subjects: both must be in reach."""

    __tablename__ = "t_meeting"
    __scope__: ClassVar = {"t.party": "party_id", "t.case": "case_id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    party_id: Mapped[int] = mapped_column(ForeignKey("t_party.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("t_case.id"))


class Orphan(Base):
    """Points to a subject nobody provides."""

    __tablename__ = "t_orphan"
    __scope__: ClassVar = {"t.nobody": "thing_id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int]


@dataclass(frozen=True)
class Reach:
    """Prefixes of organisation paths, an employee, or all of it."""

    paths: frozenset[str] = frozenset()
    employee_id: int | None = None
    whole_bank: bool = False
    lines: frozenset[str] | None = None

    def covers(self, org_id: Any) -> Any:
        if self.whole_bank:
            return true()
        if not self.paths:
            return false()
        org: Table = Org.__table__
        within = or_(*(org.c.path.like(f"{path}%") for path in sorted(self.paths)))
        return org_id.in_(select(org.c.id).where(within))


def party_criterion(reach: Any, table: Any) -> Any:
    owner: Table = Ownership.__table__
    own = (
        false()
        if reach.employee_id is None
        else (
            select(owner.c.id)
            .where(owner.c.party_id == table.c.id, owner.c.employee_id == reach.employee_id)
            .correlate_except(owner)
            .exists()
        )
    )
    return or_(reach.covers(table.c.home_org_id), own)


def case_criterion(reach: Any, table: Any) -> Any:
    return reach.covers(table.c.org_id)


PROVIDERS = (
    ScopeProvider("t.party", "Customers", Party, "id", party_criterion),
    ScopeProvider("t.case", "Cases", Case, "id", case_criterion),
)


@dataclass
class Bank:
    """The models, and sessions over one engine."""

    engine: Any
    providers: tuple[ScopeProvider, ...] = PROVIDERS
    log: list[str] = field(default_factory=list)
    Base = Base
    Org = Org
    Product = Product
    Case = Case
    Account = Account
    Ownership = Ownership
    Party = Party
    Tag = Tag
    Meeting = Meeting
    Orphan = Orphan
    Reach = Reach

    def session(self, reach: Reach | None = None, **kw: Any) -> CrmSession:
        """A session of user 1 for ``t.view`` with that reach; without a reach, one with no access."""
        access = None if reach is None else Access(1, "t.view", reach)
        db = SimpleNamespace(engines={None: self.engine})
        return CrmSession(db, access=access, providers=lambda: self.providers, **kw)

    @contextmanager
    def past(self) -> Iterator[CrmSession]:
        """A session past row scope; commits."""
        with self.session(unscoped="test") as session:
            yield session
            session.commit()

    def fill(self) -> None:
        """Orgs 1 > (2 > 4, 3 > 5), one party in each with two accounts; employee 7 owns party 5, besides."""
        with self.past() as s:
            s.add_all(
                [
                    Org(id=1, path="/1/"),
                    Org(id=2, path="/1/2/"),
                    Org(id=3, path="/1/3/"),
                    Org(id=4, path="/1/2/4/"),
                    Org(id=5, path="/1/3/5/"),
                    Product(id=1, name="deposit"),
                ]
            )
            s.flush()
            for n in range(1, 6):
                s.add(Party(id=n, name=f"party {n}", home_org_id=n, head_id=None if n == 1 else n - 1))
                s.flush()
                s.add_all([Account(id=10 * n + i, party_id=n, product_id=1, balance=100 * n + i) for i in (1, 2)])
                s.add_all([Tag(party_id=n, word="vip"), Case(id=n, org_id=n)])
            s.flush()
            s.add_all(Meeting(id=n, party_id=n, case_id=6 - n) for n in range(1, 6))
            s.add_all([Ownership(id=1, party_id=5, employee_id=7), Orphan(id=1, thing_id=1)])


LEFT = Reach(frozenset({"/1/2/"}))
RIGHT = Reach(frozenset({"/1/3/"}))


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    """The bank on a SQLite file, filled."""
    yield from _bank(f"sqlite:///{tmp_path / 'bank.db'}")


@pytest.fixture
def bank_on_both(database_url: str) -> Iterator[Bank]:
    """The bank on SQLite and on PostgreSQL, filled."""
    yield from _bank(database_url)


def _bank(url: str) -> Iterator[Bank]:
    engine = create_engine(url)
    install(engine)
    Base.metadata.create_all(engine)
    bank = Bank(engine)
    bank.fill()
    yield bank
    Base.metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def left() -> Reach:
    """Reaches parties 2 and 4."""
    return LEFT


@pytest.fixture
def right() -> Reach:
    """Reaches parties 3 and 5."""
    return RIGHT
