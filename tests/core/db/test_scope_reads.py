"""No read leaves its scope, by any path an ORM statement can take."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import and_, exists, func, literal, or_, select, union, union_all
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import (
    aliased,
    contains_eager,
    joinedload,
    lazyload,
    load_only,
    selectinload,
    subqueryload,
    undefer,
    with_loader_criteria,
)
from sqlalchemy.orm.exc import ObjectDeletedError

pytestmark = pytest.mark.database("empty")

LEFT_PARTIES = {2, 4}
LEFT_ACCOUNTS = {21, 22, 41, 42}


@pytest.fixture
def b(bank_on_both: Any) -> Any:
    return bank_on_both


def test_select_entity_column_and_alias(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert {p.id for p in s.scalars(select(b.Party))} == LEFT_PARTIES
        assert set(s.scalars(select(b.Party.id))) == LEFT_PARTIES
        other = aliased(b.Party)
        assert set(s.scalars(select(other.id))) == LEFT_PARTIES
        assert set(s.scalars(select(aliased(b.Account).id))) == LEFT_ACCOUNTS
        assert {p.id for p in s.query(b.Party)} == LEFT_PARTIES


def test_get_finds_only_what_is_in_scope(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert s.get(b.Party, 2).name == "party 2"
        assert s.get(b.Party, 3) is None
        assert s.get(b.Account, 31) is None
        assert s.get(b.Party, 2, populate_existing=True) is not None
        with pytest.raises(InvalidRequestError):
            s.get_one(b.Party, 3)


def test_own_rows_come_in_through_the_owner(b: Any) -> None:
    with b.session(b.Reach(employee_id=7)) as s:
        assert set(s.scalars(select(b.Party.id))) == {5}
        assert set(s.scalars(select(b.Account.id))) == {51, 52}


def test_two_subjects_must_both_be_in_reach(b: Any, left: Any) -> None:
    with b.session(left) as s:
        expected = {n for n in range(1, 6) if n in LEFT_PARTIES and 6 - n in LEFT_PARTIES}
        assert set(s.scalars(select(b.Meeting.id))) == expected == {2, 4}
    with b.session(b.Reach(frozenset({"/1/2/4/"}))) as s:
        assert set(s.scalars(select(b.Meeting.id))) == set()


def test_no_provider_means_no_rows(b: Any) -> None:
    everything = b.Reach(whole_bank=True)
    with b.session(everything) as s:
        assert set(s.scalars(select(b.Party.id))) == {1, 2, 3, 4, 5}
        assert s.scalars(select(b.Orphan)).all() == []
    b.providers = b.providers[1:]
    with b.session(everything) as s:
        assert s.scalars(select(b.Party)).all() == []
        assert s.scalars(select(b.Account)).all() == []


def test_lazy_loads(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert {a.id for a in s.get(b.Party, 2).accounts} == {21, 22}
        assert s.get(b.Party, 2).head is None  # party 1 is the head, out of reach
        assert s.get(b.Party, 4).head is None
        assert s.get(b.Account, 21).party.id == 2
        assert s.get(b.Account, 21).product.name == "deposit"


def test_lazy_load_of_rows_moved_out_meanwhile(b: Any, left: Any) -> None:
    with b.session(left) as s:
        party = s.get(b.Party, 2)
        s.rollback()
        with b.past() as p:
            p.get(b.Party, 2).home_org_id = 3
        assert s.get(b.Party, 2) is None
        with pytest.raises(ObjectDeletedError):
            _ = party.name
    with b.session(left) as s:
        assert set(s.scalars(select(b.Party.id))) == {4}


def test_refresh_and_expired_attributes(b: Any, left: Any) -> None:
    with b.session(left) as s:
        party, other = s.get(b.Party, 2), s.get(b.Party, 4)
        s.refresh(party)
        s.refresh(party, ["name"])
        s.expire(other)
        assert other.name == "party 4"
        s.commit()
        with b.past() as p:
            p.get(b.Party, 2).home_org_id = 3
        with pytest.raises(InvalidRequestError):
            s.refresh(party)


@pytest.mark.parametrize("load", [joinedload, selectinload, subqueryload, lazyload])
def test_eager_loads(b: Any, left: Any, load: Any) -> None:
    with b.session(left) as s:
        parties = s.scalars(select(b.Party).options(load(b.Party.accounts), load(b.Party.head))).unique().all()
        assert {a.id for p in parties for a in p.accounts} == LEFT_ACCOUNTS
        assert all(p.head is None or p.head.id in LEFT_PARTIES for p in parties)
        accounts = (
            s.scalars(select(b.Account).options(load(b.Account.party).options(load(b.Party.tags)))).unique().all()
        )
        assert {t.word for a in accounts for t in a.party.tags} == {"vip"}


def test_eager_load_of_children_that_lie_elsewhere(b: Any) -> None:
    """The child's own scope counts, not that of the parent it was reached through."""
    with b.past() as p:
        p.add(b.Meeting(id=9, party_id=2, case_id=5))
    with b.session(b.Reach(frozenset({"/1/2/"}))) as s:
        rows = s.execute(select(b.Party.id, b.Meeting.id).outerjoin(b.Meeting, b.Meeting.party_id == b.Party.id)).all()
        assert {tuple(r) for r in rows} == {(2, 2), (4, 4)}


def test_refresh_with_joined_eager_children(b: Any, left: Any) -> None:
    with b.session(left) as s:
        party = s.scalars(select(b.Party).where(b.Party.id == 2).options(joinedload(b.Party.accounts))).unique().one()
        s.refresh(party)
        s.expire(party)
        assert {a.id for a in party.accounts} == {21, 22}


def test_joins(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert set(s.scalars(select(b.Account.id).join(b.Account.party))) == LEFT_ACCOUNTS
        assert set(s.scalars(select(b.Account.id).join(b.Party).where(b.Party.id.in_([3, 4])))) == {41, 42}
        head = aliased(b.Party)
        rows = s.execute(select(b.Party.id, head.id).join(head, b.Party.head_id == head.id)).all()
        assert rows == []
        rows = s.execute(select(b.Party.id, head.name).outerjoin(head, b.Party.head_id == head.id)).all()
        assert {tuple(r) for r in rows} == {(2, None), (4, None)}
        eager = select(b.Account).join(b.Account.party).options(contains_eager(b.Account.party))
        assert {a.party.id for a in s.scalars(eager)} == LEFT_PARTIES
        nested = select(b.Product.name, b.Account.id).join_from(b.Product, b.Account).join(b.Party)
        assert {r[1] for r in s.execute(nested)} == LEFT_ACCOUNTS


def test_a_table_named_in_where_only_is_scoped_too(b: Any, left: Any) -> None:
    with b.session(left) as s:
        join = b.Product.id < b.Party.id
        assert s.scalars(select(b.Product.id).where(join, b.Party.name == "party 3")).all() == []
        assert s.scalars(select(b.Product.id).where(join, b.Party.name == "party 2")).all() == [1]
        assert s.scalars(select(func.count()).where(b.Party.id > 0)).one() == 2
        assert s.scalars(select(literal(1)).where(b.Party.name == "party 3")).all() == []


def test_subqueries_exists_and_in(b: Any, left: Any) -> None:
    P, A = b.Party, b.Account
    with b.session(left) as s:
        assert s.scalars(select(b.Product.id).where(exists().where(P.id == 3))).all() == []
        assert s.scalars(select(b.Product.id).where(select(P.id).where(P.id == 3).exists())).all() == []
        assert s.scalars(select(b.Product.id).where(exists(P.id).where(P.name == "party 2"))).all() == [1]
        assert s.scalar(select(select(func.count(A.id)).scalar_subquery())) == 4
        inner = select(A.party_id, func.sum(A.balance).label("total")).group_by(A.party_id).subquery()
        assert {r.party_id for r in s.execute(select(inner))} == LEFT_PARTIES
        assert set(s.scalars(select(A.id).where(A.party_id.in_(select(P.id))))) == LEFT_ACCOUNTS
        assert s.scalars(select(b.Product.id).where(literal(3).in_(select(P.id)))).all() == []
        assert set(s.scalars(select(P.id).where(P.accounts.any(A.balance > 0)))) == LEFT_PARTIES
        assert set(s.scalars(select(A.id).where(A.party.has(P.name == "party 4")))) == {41, 42}
        assert (
            s.scalars(select(b.Product.id).where(exists().where(A.product_id == b.Product.id, A.id == 31))).all() == []
        )
        assert s.scalar(select(exists().where(P.id == 3))) in (False, 0)


def test_correlated_subqueries(b: Any, left: Any) -> None:
    P, A = b.Party, b.Account
    with b.session(left) as s:
        count = select(func.count(A.id)).where(A.party_id == P.id).scalar_subquery()
        assert {tuple(r) for r in s.execute(select(P.id, count))} == {(2, 2), (4, 2)}
        loose = select(func.count(A.id)).where(A.party_id == P.id).correlate(None).scalar_subquery()
        assert set(s.scalars(select(loose))) == {4}
        again = aliased(P)
        mates = select(func.count(again.id)).where(again.id != P.id).scalar_subquery()
        assert {tuple(r) for r in s.execute(select(P.id, mates))} == {(2, 1), (4, 1)}
        assert {p.account_count for p in s.scalars(select(P).options(undefer(P.account_count)))} == {2}


def test_entity_over_a_subquery(b: Any, left: Any) -> None:
    with b.session(left) as s:
        inner = select(b.Party).where(b.Party.id > 0).order_by(b.Party.id).limit(3).subquery()
        over = aliased(b.Party, inner)
        assert {p.id for p in s.scalars(select(over))} == LEFT_PARTIES


def test_unions(b: Any, left: Any) -> None:
    P, A = b.Party, b.Account
    with b.session(left) as s:
        assert set(s.scalars(union(select(P.id).where(P.id < 3), select(P.id).where(P.id >= 3)))) == LEFT_PARTIES
        mixed = union_all(select(P.id), select(A.id), select(b.Product.id)).subquery()
        assert s.scalar(select(func.count()).select_from(mixed)) == 2 + 4 + 1
        parts = union_all(select(P).where(P.id < 3), select(P).where(P.id >= 3))
        assert {p.id for p in s.scalars(select(aliased(P, parts.subquery())))} == LEFT_PARTIES


def test_ctes(b: Any, left: Any) -> None:
    P = b.Party
    with b.session(left) as s:
        cte = select(P.id, P.name).cte()
        assert {r.id for r in s.execute(select(cte))} == LEFT_PARTIES
        chain = select(P.id, P.head_id).where(P.id == 4).cte(recursive=True)
        chain = chain.union_all(select(P.id, P.head_id).join(chain, chain.c.head_id == P.id))
        assert {r.id for r in s.execute(select(chain))} == {4}


def test_counts_and_aggregates(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert s.scalar(select(func.count()).select_from(b.Party)) == 2
        assert s.scalar(select(func.count(b.Party.id))) == 2
        assert s.scalar(select(func.sum(b.Account.balance))) == 201 + 202 + 401 + 402
        assert s.scalar(select(func.count()).select_from(select(b.Party).subquery())) == 2
        assert s.query(b.Party).count() == 2
        assert s.scalar(select(func.max(b.Party.name))) == "party 4"
        window = select(b.Party.id, func.row_number().over(order_by=b.Party.id))
        assert {tuple(r) for r in s.execute(window)} == {(2, 1), (4, 2)}


def test_streaming_and_partial_loads(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert {p.id for p in s.scalars(select(b.Party).execution_options(yield_per=1))} == LEFT_PARTIES
        assert {p.id for p in s.execute(select(b.Party), execution_options={"stream_results": True}).scalars()} == {
            2,
            4,
        }
        party = s.scalars(select(b.Party).options(load_only(b.Party.id)).where(b.Party.id == 2)).one()
        assert party.name == "party 2"
        assert s.scalars(select(b.Party).order_by(b.Party.id.desc()).limit(1)).one().id == 4
        assert s.scalars(select(b.Party).distinct()).unique().all()


def test_merge_reads_inside_the_scope(b: Any, left: Any) -> None:
    with b.past() as p:
        outside, inside = p.get(b.Party, 3), p.get(b.Party, 2)
        p.expunge_all()
    with b.session(left) as s:
        assert s.merge(inside).name == "party 2"
        s.autoflush = False
        merged = s.merge(outside)
        assert merged in s.new  # not found in scope, so it counts as a new row; its flush fails
        s.rollback()


def test_a_callers_criteria_narrow_and_never_widen(b: Any, left: Any) -> None:
    with b.session(left) as s:
        option = with_loader_criteria(b.Party, or_(b.Party.id > 2, b.Party.id < 9))
        assert set(s.scalars(select(b.Party.id).options(option))) == LEFT_PARTIES
        option = with_loader_criteria(b.Party, lambda cls: cls.id > 2, include_aliases=True)
        assert set(s.scalars(select(b.Party.id).options(option))) == {4}
        onto = b.Party.accounts.and_(and_(b.Account.id > 0))
        parties = s.scalars(select(b.Party).options(selectinload(onto))).all()
        assert {a.id for p in parties for a in p.accounts} == LEFT_ACCOUNTS


def test_unscoped_tables_are_free(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert s.scalars(select(b.Product.__table__.c.name)).all() == ["deposit"]
        assert s.scalar(select(func.count()).select_from(b.Org.__table__)) == 5
    with b.session() as s:
        assert s.scalar(select(func.count(b.Org.id))) == 5
        assert s.scalar(select(literal(1))) == 1


def test_users_alternate_on_one_engine(b: Any, left: Any, right: Any) -> None:
    """One statement shape, compiled once: the values of one user must not answer another."""
    statement = select(b.Party.id).where(b.Party.id > 0)
    readers = [
        (left, {2, 4}),
        (right, {3, 5}),
        (b.Reach(employee_id=7), {5}),
        (b.Reach(), set()),
        (b.Reach(employee_id=8), set()),
        (b.Reach(whole_bank=True), {1, 2, 3, 4, 5}),
    ]
    for _ in range(3):
        for reach, expected in readers:
            with b.session(reach) as s:
                assert set(s.scalars(statement)) == expected
                assert {a.party_id for a in s.scalars(select(b.Account))} == expected
                assert {
                    p.id for p in s.scalars(select(b.Party).options(joinedload(b.Party.accounts))).unique()
                } == expected
