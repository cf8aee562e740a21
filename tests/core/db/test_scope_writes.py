"""No row is written outside the scope, nor moved into it or out of it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm.exc import ObjectDeletedError

from core.db.session import ScopeError

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def b(bank_on_both: Any) -> Any:
    return bank_on_both


def refused(session: Any) -> None:
    with pytest.raises((ScopeError, ObjectDeletedError)):  # the second when the row is asked for before it is written
        session.commit()
    session.rollback()


def test_rows_inside_are_written(b: Any, left: Any) -> None:
    with b.session(left) as s:
        s.get(b.Party, 2).name = "new name"
        party = b.Party(id=20, name="new", home_org_id=4, accounts=[b.Account(id=200)], tags=[b.Tag(word="x")])
        s.add(party)
        s.commit()
        s.delete(s.get(b.Account, 21))
        s.get(b.Account, 22).party_id = 4
        s.commit()
        assert {a.id for a in s.get(b.Party, 4).accounts} == {22, 41, 42}
        s.delete(s.get(b.Party, 20))
        s.commit()
    with b.past() as p:
        assert p.get(b.Account, 200) is None and p.get(b.Account, 21) is None
        assert p.get(b.Party, 2).name == "new name"


def test_new_rows_outside_are_refused(b: Any, left: Any) -> None:
    with b.session(left) as s:
        for row in (
            b.Party(id=20, name="x", home_org_id=3),
            b.Account(id=99, party_id=3),
            b.Account(id=99, party_id=None),
            b.Tag(party_id=3, word="x"),
            b.Meeting(id=99, party_id=2, case_id=3),
            b.Meeting(id=99, party_id=3, case_id=2),
            b.Orphan(id=99, thing_id=1),
            b.Ownership(id=99, party_id=3, employee_id=7),
        ):
            s.add(row)
            refused(s)
    with b.past() as p:
        assert p.scalar(select(func.count(b.Account.id))) == 10


def test_nobody_lets_themselves_in(b: Any) -> None:
    """A new pointer must not itself bring the subject into scope."""
    with b.session(b.Reach(frozenset({"/1/2/"}), employee_id=7)) as s:
        s.add(b.Ownership(id=99, party_id=3, employee_id=7))
        refused(s)
        s.get(b.Ownership, 1).party_id = 3
        refused(s)
        assert s.get(b.Party, 3) is None
        mine = b.Party(id=30, name="x", home_org_id=3, owners=[b.Ownership(id=99, employee_id=7)])
        s.add(mine)
        s.commit()
        assert s.get(b.Party, 30) is not None


def test_rows_are_not_moved_out(b: Any, left: Any) -> None:
    with b.session(left) as s:
        s.get(b.Party, 2).home_org_id = 3
        refused(s)
        s.get(b.Account, 21).party_id = 3
        refused(s)
        s.get(b.Account, 21).party_id = None
        refused(s)
        s.get(b.Meeting, 2).case_id = 3
        refused(s)
        assert s.get(b.Party, 2).home_org_id == 2


def test_rows_outside_are_not_changed_deleted_or_taken_in(b: Any, left: Any) -> None:
    with b.past() as p:
        outside = [p.get(b.Party, 3), p.get(b.Account, 31), p.get(b.Tag, (3, "vip"))]
        p.expunge_all()
    party, account, tag = outside
    with b.session(left) as s:
        s.add(party)
        party.home_org_id = 2
        refused(s)
        s.expunge_all()
        s.add(account)
        account.party_id = 2
        refused(s)
        s.expunge_all()
        s.add(tag)
        tag.colour = "red"
        refused(s)
        s.expunge_all()
        s.add(account)
        s.delete(account)
        refused(s)
        s.expunge_all()
    with b.past() as p:
        assert p.get(b.Party, 3).home_org_id == 3 and p.get(b.Account, 31).party_id == 3
        assert p.get(b.Tag, (3, "vip")).colour == ""


def test_a_row_that_left_meanwhile_is_not_written(b: Any, left: Any) -> None:
    with b.session(left) as s:
        party, account = s.get(b.Party, 2), s.get(b.Account, 41)
        s.expire_on_commit = False
        s.commit()
        with b.past() as p:
            p.get(b.Party, 2).home_org_id = 3
            p.get(b.Account, 41).party_id = 5
        party.name = "stale"
        refused(s)
        s.delete(account)
        refused(s)


def test_children_changed_through_their_parent(b: Any, left: Any) -> None:
    with b.past() as p:
        foreign = p.get(b.Account, 31)
        p.expunge_all()
    with b.session(left) as s:
        party = s.get(b.Party, 2)
        party.accounts.append(foreign)
        refused(s)
        s.expunge_all()
        party = s.get(b.Party, 2)
        party.accounts.clear()
        s.commit()
    with b.past() as p:
        assert p.get(b.Account, 31).party_id == 3
        assert p.get(b.Account, 21) is None


def test_merge_of_a_foreign_row_fails(b: Any, left: Any) -> None:
    with b.past() as p:
        party, tag = p.get(b.Party, 3), p.get(b.Tag, (3, "vip"))
        p.expunge_all()
    with b.session(left) as s:
        for row in (party, tag):
            with pytest.raises(Exception, match=r"outside the scope|UNIQUE|duplicate key"):  # noqa: PT012
                s.merge(row)
                s.commit()
            s.rollback()
        merged = s.merge(party, load=False)
        merged.name = "mine"
        refused(s)


def test_bulk_update_and_delete_touch_only_the_scope(b: Any, left: Any) -> None:
    with b.session(left) as s:
        assert s.execute(update(b.Party).values(name="changed")).rowcount == 2
        assert s.execute(update(b.Account).where(b.Account.id == 31).values(balance=0)).rowcount == 0
        got = s.scalars(update(b.Account).values(balance=b.Account.balance + 1).returning(b.Account.id)).all()
        assert set(got) == {21, 22, 41, 42}
        assert {a.id for a in s.scalars(update(b.Account).values(balance=5).returning(b.Account))} == set(got)
        assert s.execute(delete(b.Tag)).rowcount == 2
        assert set(s.scalars(delete(b.Account).where(b.Account.id > 40).returning(b.Account.id))) == {41, 42}
        assert s.query(b.Account).update({"balance": 7}) == 2
        assert s.query(b.Account).filter(b.Account.id > 0).delete() == 2
        for how in ("evaluate", "fetch", False, "auto"):
            try:
                changed = s.execute(
                    update(b.Party).where(b.Party.id > 0).values(name=str(how)),
                    execution_options={"synchronize_session": how},
                )
                assert changed.rowcount == 2
            except Exception as error:
                assert how == "evaluate" and "evaluate" in str(error)  # noqa: PT017
        by_subquery = update(b.Party).where(b.Party.id.in_(select(b.Account.party_id))).values(name="z")
        assert s.execute(by_subquery).rowcount == 0
        s.commit()
    with b.past() as p:
        assert p.get(b.Party, 3).name == "party 3"
        assert {t.party_id for t in p.scalars(select(b.Tag))} == {1, 3, 5}
        assert {a.party_id for a in p.scalars(select(b.Account))} == {1, 3, 5}


def test_sql_values_cannot_smuggle_rows_in(b: Any, left: Any) -> None:
    with b.session(left) as s:
        s.get(b.Party, 2).name = select(b.Party.__table__.c.name).where(b.Party.__table__.c.id == 3).scalar_subquery()
        refused(s)
        s.get(b.Party, 2).home_org_id = select(func.max(b.Org.id)).scalar_subquery()
        refused(s)


def test_many_rows_in_one_flush(b: Any, left: Any) -> None:
    with b.session(left) as s:
        s.add_all([b.Account(id=1000 + n, party_id=2) for n in range(900)])
        s.commit()
        for account in s.scalars(select(b.Account).where(b.Account.id >= 1000)):
            account.balance = 1
        s.add(b.Account(id=5000, party_id=3))
        refused(s)
        assert s.scalar(select(func.sum(b.Account.balance)).where(b.Account.id >= 1000)) == 0


def test_a_refused_flush_leaves_nothing(b: Any, left: Any) -> None:
    with b.session(left) as s:
        s.get(b.Party, 2).name = "half"
        s.add(b.Party(id=20, name="x", home_org_id=3))
        refused(s)
    with b.past() as p:
        assert p.get(b.Party, 2).name == "party 2" and p.get(b.Party, 20) is None


def test_bulk_update_through_where_of_another_entity(b: Any, left: Any) -> None:
    with b.session(left) as s:
        statement = update(b.Party).where(b.Party.id == b.Account.party_id, b.Account.id > 0).values(name="x")
        try:
            changed = s.execute(statement.execution_options(synchronize_session=False)).rowcount
            assert changed == 2
        except ScopeError:
            pass
        s.rollback()
