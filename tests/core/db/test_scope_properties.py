"""Random banks, readers and statements on one engine, against a plain-Python oracle of who may see what."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, exists, func, insert, literal, select, text, union_all, update
from sqlalchemy.orm import aliased, joinedload, selectinload, subqueryload
from sqlalchemy.orm.exc import ObjectDeletedError

from core.db.session import ScopeError

ORGS = 7
PARTIES = 8


@dataclass(frozen=True)
class World:
    """Tree by parent (index 0 is the root), home of each party, owner of each party, accounts by party."""

    parents: tuple[int, ...]
    homes: tuple[int, ...]
    owners: tuple[int, ...]
    accounts: tuple[int, ...]

    def path(self, org: int) -> str:
        return f"/{org}/" if org == 1 else f"{self.path(self.parents[org - 2])}{org}/"

    def below(self, org: int) -> set[int]:
        return {o for o in range(1, ORGS + 1) if self.path(o).startswith(self.path(org))}


@dataclass(frozen=True)
class Reader:
    orgs: frozenset[int]
    employee: int | None
    whole: bool

    def sees(self, world: World) -> set[int]:
        """The oracle."""
        covered: set[int] = set().union(*(world.below(o) for o in self.orgs)) if self.orgs else set()
        return {
            p
            for p in range(1, PARTIES + 1)
            if self.whole or world.homes[p - 1] in covered or (self.employee and world.owners[p - 1] == self.employee)
        }

    def reach(self, world: World, bank: Any) -> Any:
        return bank.Reach(frozenset(world.path(o) for o in self.orgs), self.employee, self.whole)


org = st.integers(1, ORGS)
worlds = st.builds(
    World,
    st.tuples(*(st.integers(1, n) for n in range(1, ORGS))),
    st.tuples(*(org for _ in range(PARTIES))),
    st.tuples(*(st.integers(1, 3) for _ in range(PARTIES))),
    st.lists(st.integers(1, PARTIES), min_size=4, max_size=12).map(tuple),
)
readers = st.builds(
    Reader, st.frozensets(org, max_size=2), st.none() | st.integers(1, 3), st.sampled_from([False, False, False, True])
)


def fill(bank: Any, world: World) -> None:
    with bank.past() as s:
        for model in (bank.Meeting, bank.Ownership, bank.Tag, bank.Account, bank.Case, bank.Party, bank.Org):
            s.execute(delete(model))
        s.add_all(bank.Org(id=o, path=world.path(o)) for o in range(1, ORGS + 1))
        s.flush()
        s.add_all(bank.Party(id=p, name=f"n{p}", home_org_id=world.homes[p - 1]) for p in range(1, PARTIES + 1))
        s.flush()
        s.add_all(bank.Ownership(id=p, party_id=p, employee_id=world.owners[p - 1]) for p in range(1, PARTIES + 1))
        s.add_all(bank.Account(id=n, party_id=p, balance=n) for n, p in enumerate(world.accounts, 1))


def account_ids(world: World, parties: set[int]) -> set[int]:
    return {n for n, p in enumerate(world.accounts, 1) if p in parties}


def p_get(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    party = s.get(b.Party, k)
    assert (party is not None) == (k in see)
    if party is not None:
        assert {a.id for a in party.accounts} == account_ids(w, {k})


def p_lazy(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    for account in s.scalars(select(b.Account).where(b.Account.id <= k)):
        assert account.party.id in see
    mine = [party for party in s.scalars(select(b.Party)) if party.id >= k]
    assert {a.id for party in mine for a in party.accounts} == account_ids(w, {p for p in see if p >= k})
    assert {o.party_id for party in mine for o in party.owners} == {p for p in see if p >= k}


def p_alias_join(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    other = aliased(b.Party)
    rows = s.execute(select(b.Party.id, other.id).join(other, other.id >= b.Party.id)).all()
    assert {tuple(r) for r in rows} == {(i, j) for i in see for j in see if i <= j}
    outer = s.execute(select(b.Party.id, other.id).outerjoin(other, other.id == b.Party.id + k)).all()
    assert {tuple(r) for r in outer} == {(i, i + k if i + k in see else None) for i in see}


def p_relation_join(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    assert set(s.scalars(select(b.Account.id).join(b.Account.party))) == account_ids(w, see)
    rows = s.execute(select(b.Account.id).outerjoin(b.Account.party).where(b.Party.id.is_(None))).all()
    assert rows == []


def p_exists(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    assert bool(s.scalar(select(exists().where(b.Party.id == k)))) == (k in see)
    assert set(s.scalars(select(b.Party.id).where(b.Party.accounts.any()))) == see & set(w.accounts)
    assert set(s.scalars(select(b.Account.id).where(b.Account.party.has(b.Party.id >= k)))) == account_ids(
        w, {p for p in see if p >= k}
    )
    assert s.scalars(select(b.Org.id).where(literal(k).in_(select(b.Party.id)))).all() == (
        list(range(1, ORGS + 1)) if k in see else []
    )


def p_count(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    assert s.scalar(select(func.count()).select_from(b.Party)) == len(see)
    assert s.scalar(select(func.count(b.Account.id))) == len(account_ids(w, see))
    per_party = select(func.count(b.Account.id)).where(b.Account.party_id == b.Party.id).scalar_subquery()
    rows = {tuple(r) for r in s.execute(select(b.Party.id, per_party))}
    assert rows == {(p, len(account_ids(w, {p}))) for p in see}
    assert (s.scalar(select(func.sum(b.Account.balance))) or 0) == sum(account_ids(w, see))


def p_union(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    parts = union_all(select(b.Party.id).where(b.Party.id <= k), select(b.Party.id).where(b.Party.id > k))
    assert sorted(s.scalars(parts)) == sorted(see)
    cte = select(b.Account.party_id, func.count().label("n")).group_by(b.Account.party_id).cte()
    rows = s.execute(select(b.Party.id, cte.c.n).join(cte, cte.c.party_id == b.Party.id)).all()
    assert {tuple(r) for r in rows} == {(p, len(account_ids(w, {p}))) for p in see & set(w.accounts)}


def p_eager(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    for load in (joinedload, selectinload, subqueryload):
        found = s.scalars(select(b.Party).options(load(b.Party.accounts)).where(b.Party.id <= k)).unique().all()
        assert {p.id for p in found} == {p for p in see if p <= k}
        assert {a.id for p in found for a in p.accounts} == account_ids(w, {p for p in see if p <= k})
        s.expunge_all()


def p_page(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    page = s.scalars(select(b.Party.id).where(b.Party.id > k).order_by(b.Party.id).limit(3)).all()
    assert page == sorted(p for p in see if p > k)[:3]


def p_refresh(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    for party in s.scalars(select(b.Party)).all():
        s.expire(party)
        assert party.name == f"n{party.id}"
        s.refresh(party)


def p_bulk(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    touched = s.scalars(update(b.Account).where(b.Account.id >= k).values(balance=0).returning(b.Account.id)).all()
    assert set(touched) == {a for a in account_ids(w, see) if a >= k}
    gone = s.scalars(delete(b.Account).where(b.Account.id < k).returning(b.Account.id)).all()
    assert set(gone) == {a for a in account_ids(w, see) if a < k}
    s.rollback()


def p_subquery(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    inner = select(b.Party).where(b.Party.id >= k).subquery()
    assert {p.id for p in s.scalars(select(aliased(b.Party, inner)))} == {p for p in see if p >= k}
    totals = select(b.Account.party_id, func.sum(b.Account.balance).label("total")).group_by(b.Account.party_id)
    assert {(r.party_id, r.total) for r in s.execute(select(totals.subquery()))} == {
        (p, sum(account_ids(w, {p}))) for p in see & set(w.accounts)
    }
    richest = select(func.max(b.Account.balance)).scalar_subquery()
    assert set(s.scalars(select(b.Account.id).where(b.Account.balance == richest))) == {
        max(account_ids(w, see), default=None)
    } - {None}


def p_core(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    party = b.Party.__table__
    for statement in (
        select(party),
        select(party.c.name).where(party.c.id == k),
        select(b.Org.id).where(exists(select(party.c.id).where(party.c.id == k))),
        update(party).where(party.c.id == k).values(name="x"),
        delete(b.Account.__table__),
        insert(b.Account.__table__).values(id=2000, party_id=k, balance=0),
    ):
        with pytest.raises(ScopeError):
            s.execute(statement)
        s.rollback()


def p_text(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    for statement in (
        text("select name from t_party where id = :k").bindparams(k=k),
        select(b.Party).from_statement(text("select * from t_party")),
        select(b.Org.id).where(text("exists (select 1 from t_party)")),
    ):
        with pytest.raises(ScopeError):
            s.execute(statement)
        s.rollback()


def p_move(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    """A party moves to organisation ``k``: out of sight is refused, and nobody takes in what they do not see."""
    home = k % ORGS + 1
    for number in range(1, PARTIES + 1):
        party = s.get(b.Party, number) or _carried(b, s, number)
        party.home_org_id = home
        later = s.info["reader"].sees(replace(w, homes=_with(w.homes, number, home)))
        try:
            s.flush()
            assert number in see and number in later
        except (ScopeError, ObjectDeletedError):
            assert number not in see or number not in later
        s.rollback()
        s.expunge_all()


def _with(values: tuple[int, ...], number: int, value: int) -> tuple[int, ...]:
    return (*values[: number - 1], value, *values[number:])


def _carried(b: Any, s: Any, number: int) -> Any:
    """A row this session does not see, carried in from one that does."""
    with b.session(unscoped="test", mode="read") as wide:
        party = wide.get(b.Party, number)
        wide.expunge(party)
    s.add(party)
    party.name = "changed"
    return party


def p_write(b: Any, s: Any, w: World, see: set[int], k: int) -> None:
    s.add(b.Account(id=1000, party_id=k))
    try:
        s.flush()
        assert k in see
    except ScopeError:
        assert k not in see
    s.rollback()


PATHS = [
    p_get,
    p_lazy,
    p_alias_join,
    p_relation_join,
    p_exists,
    p_count,
    p_union,
    p_eager,
    p_page,
    p_refresh,
    p_bulk,
    p_subquery,
    p_core,
    p_text,
    p_move,
    p_write,
]
steps = st.lists(st.tuples(readers, st.sampled_from(PATHS), st.integers(1, PARTIES)), min_size=2, max_size=8)


def walk(bank: Any, world: World, walked: Any) -> None:
    fill(bank, world)
    for reader, path, k in walked:
        with bank.session(reader.reach(world, bank)) as session:
            session.info["reader"] = reader
            path(bank, session, world, reader.sees(world), k)


@settings(max_examples=60)
@given(world=worlds, walked=steps)
def test_readers_alternate_on_sqlite(bank: Any, world: World, walked: Any) -> None:
    walk(bank, world, walked)


@pytest.mark.slow
@settings(max_examples=1000)
@given(world=worlds, walked=steps)
def test_readers_alternate_on_sqlite_at_length(bank: Any, world: World, walked: Any) -> None:
    walk(bank, world, walked)


@pytest.mark.database("empty")
@settings(max_examples=30)
@given(world=worlds, walked=steps)
def test_readers_alternate_on_both(bank_on_both: Any, world: World, walked: Any) -> None:
    walk(bank_on_both, world, walked)


def e_home(bank: Any, world: World, one: int, other: int) -> World:
    with bank.past() as s:
        s.get(bank.Party, one).home_org_id = other % ORGS + 1
    return replace(world, homes=_with(world.homes, one, other % ORGS + 1))


def e_owner(bank: Any, world: World, one: int, other: int) -> World:
    with bank.past() as s:
        s.get(bank.Ownership, one).employee_id = other % 3 + 1
    return replace(world, owners=_with(world.owners, one, other % 3 + 1))


def e_account(bank: Any, world: World, one: int, other: int) -> World:
    number = one % len(world.accounts) + 1
    with bank.past() as s:
        s.get(bank.Account, number).party_id = other
    return replace(world, accounts=_with(world.accounts, number, other))


number = st.integers(1, PARTIES)
happenings = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.sampled_from(PATHS), number),
        st.tuples(st.sampled_from([e_home, e_owner, e_account]), number, number),
    ),
    min_size=2,
    max_size=10,
)


@pytest.mark.database("empty")
@settings(max_examples=20)
@given(world=worlds, three=st.tuples(readers, readers, readers), happens=happenings)
def test_open_sessions_take_turns_while_rows_move(bank_on_both: Any, world: World, three: Any, happens: Any) -> None:
    """Three sessions stay open side by side. Between their statements parties change home and owner, and accounts
    their party; the next transaction of each session sees just what its reader may see by then."""
    bank = bank_on_both
    fill(bank, world)
    with ExitStack() as stack:
        sessions = [stack.enter_context(bank.session(reader.reach(world, bank))) for reader in three]
        for reader, session in zip(three, sessions, strict=True):
            session.info["reader"] = reader
        for what, first, second in happens:
            if callable(what):
                world = what(bank, world, first, second)
            else:
                first(bank, sessions[what], world, three[what].sees(world), second)
                sessions[what].rollback()


@pytest.mark.database("empty")
@settings(max_examples=20)
@given(world=worlds, later=worlds, reader=readers, path=st.sampled_from(PATHS), k=st.integers(1, PARTIES))
def test_moves_hold_at_once(bank_on_both: Any, world: World, later: World, reader: Reader, path: Any, k: int) -> None:
    """Organisations move, parties change home and owner: the next session of the same reader sees it."""
    bank = bank_on_both
    walk(bank, world, [(reader, path, k)])
    fill(bank, later)
    with bank.session(reader.reach(world, bank)) as s:
        paths = {world.path(o) for o in reader.orgs}
        covered = {o for o in range(1, ORGS + 1) if any(later.path(o).startswith(p) for p in paths)}
        own = {p for p in range(1, PARTIES + 1) if reader.employee and later.owners[p - 1] == reader.employee}
        at_home = {p for p in range(1, PARTIES + 1) if reader.whole or later.homes[p - 1] in covered}
        expected = own | at_home
        assert set(s.scalars(select(bank.Party.id))) == expected


@pytest.mark.database("empty")
@pytest.mark.parametrize("path", PATHS)
def test_one_engine_caches_across_readers(bank_on_both: Any, path: Any) -> None:
    """The same statement shape for each reader in turn, twice over, so that the second round is all cache hits."""
    world = World((1, 1, 2, 2, 3, 3), (1, 2, 3, 4, 5, 6, 7, 4), (1, 2, 3, 1, 2, 3, 1, 2), (1, 2, 3, 4, 5, 6, 7, 8, 4))
    all_readers = [Reader(frozenset({o}), e, False) for o in range(1, ORGS + 1) for e in (None, 1, 2)]
    walk(bank_on_both, world, [(reader, path, 4) for _ in range(2) for reader in all_readers])
