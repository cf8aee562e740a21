"""The organisation tree: what may be done to it, and what stays true whatever is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from core.db.base import metadata
from core.db.types import today
from core.monitoring.models import AuditEntry
from core.orgs import staff, tree
from core.orgs.models import Employee, Level, Organisation, Placement, Post
from core.orgs.tree import OrgError

BEGIN = date(2020, 1, 1)
TODAY = date(2026, 11, 23)


def bank(session: Session) -> dict[str, Organisation]:
    """Head office, two branches, a sub-branch with two outlets under the first, one sub-branch under the second."""
    made: dict[str, Organisation] = {}
    plan = [
        ("H", Level.HEAD, ""),
        ("B1", Level.BRANCH, "H"),
        ("B2", Level.BRANCH, "H"),
        ("S1", Level.SUBBRANCH, "B1"),
        ("S2", Level.SUBBRANCH, "B2"),
        ("O1", Level.OUTLET, "S1"),
        ("O2", Level.OUTLET, "S1"),
    ]
    for code, level, parent in plan:
        made[code] = tree.create(session, code, code, level, parent=made.get(parent), on=BEGIN)
    return made


def codes(session: Session, org: Organisation) -> set[str]:
    ids = tree.subtree_ids(session, org.id)
    return set(session.scalars(select(Organisation.code).where(Organisation.id.in_(ids))))


@pytest.mark.database("empty")
def test_subtree_and_move_on_both_databases(both: Session) -> None:
    orgs = bank(both)
    assert codes(both, orgs["B1"]) == {"B1", "S1", "O1", "O2"}
    tree.move(both, orgs["S1"], orgs["B2"], date(2026, 1, 1), today=TODAY)
    assert codes(both, orgs["B1"]) == {"B1"}
    assert codes(both, orgs["B2"]) == {"B2", "S2", "S1", "O1", "O2"}
    tree.merge(both, orgs["S1"], orgs["S2"], date(2026, 2, 1), today=TODAY)
    assert codes(both, orgs["S2"]) == {"S2", "O1", "O2"}
    both.commit()


def test_ids_do_not_match_by_prefix_of_digits(session: Session) -> None:
    orgs = bank(session)
    many = [tree.create(session, f"X{n}", "x", Level.OUTLET, parent=orgs["S2"], on=BEGIN) for n in range(12)]
    assert tree.subtree_ids(session, many[0].id) == {many[0].id}
    assert tree.subtree_ids(session, 99_999) == frozenset()


def test_tree_of_a_day(session: Session) -> None:
    orgs = bank(session)
    tree.move(session, orgs["S1"], orgs["B2"], date(2026, 1, 1), today=TODAY)
    before = {node.code: node.parent_id for node in tree.tree(session, date(2025, 12, 31))}
    after = {node.code: node.parent_id for node in tree.tree(session, date(2026, 1, 1))}
    assert before["S1"] == orgs["B1"].id
    assert after["S1"] == orgs["B2"].id
    assert [node.code for node in tree.tree(session, TODAY)] == ["H", "B1", "B2", "S1", "O1", "O2", "S2"]
    assert tree.tree(session, date(2019, 1, 1)) == []


def test_merge_keeps_history(session: Session) -> None:
    orgs = bank(session)
    person = staff.hire(session, "e1", "王海峰", orgs["S1"], title="客户经理", on=BEGIN)
    tree.merge(session, orgs["S1"], orgs["S2"], date(2026, 3, 1), today=TODAY)
    s1, s2 = orgs["S1"].id, orgs["S2"].id
    assert tree.successor(session, s1, date(2026, 2, 28)) == s1
    assert tree.successor(session, s1, date(2026, 3, 1)) == s2
    assert "S1" in {n.code for n in tree.tree(session, date(2026, 2, 28))}
    assert "S1" not in {n.code for n in tree.tree(session, date(2026, 3, 1))}
    assert person.org_id == s2
    assert [(p.org_id, p.title) for p in staff.posts(session, person.id, date(2026, 2, 28))] == [(s1, "客户经理")]
    assert [(p.org_id, p.title) for p in staff.posts(session, person.id, date(2026, 3, 1))] == [(s2, "客户经理")]


def test_successor_follows_chains_and_closings(session: Session) -> None:
    orgs = bank(session)
    tree.merge(session, orgs["S1"], orgs["S2"], date(2025, 1, 1), today=TODAY)
    tree.merge(session, orgs["S2"], orgs["B2"], date(2026, 1, 1), today=TODAY)
    assert tree.successor(session, orgs["S1"].id, date(2025, 6, 1)) == orgs["S2"].id
    assert tree.successor(session, orgs["S1"].id, TODAY) == orgs["B2"].id
    tree.close(session, orgs["O1"], date(2026, 5, 1), today=TODAY)
    assert tree.successor(session, orgs["O1"].id, TODAY) is None
    assert tree.successor(session, 4711, TODAY) is None


Change = Callable[[Session, dict[str, Organisation]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, o: tree.create(s, "B1", "x", Level.BRANCH, parent=o["H"], on=BEGIN), "taken"),
        (lambda s, o: tree.create(s, "N", "x", Level.HEAD, on=BEGIN), "head office already"),
        (lambda s, o: tree.create(s, "N", "x", Level.BRANCH, on=BEGIN), "needs a parent"),
        (lambda s, o: tree.create(s, "N", "x", Level.BRANCH, parent=o["S1"], on=BEGIN), "cannot stand under"),
        (lambda s, o: tree.create(s, "N", "x", Level.OUTLET, parent=o["S1"], on=date(2019, 1, 1)), "not open"),
        (lambda s, o: tree.move(s, o["B1"], o["O1"], TODAY, today=TODAY), "stands below"),
        (lambda s, o: tree.move(s, o["B1"], o["B1"], TODAY, today=TODAY), "stands below"),
        (lambda s, o: tree.move(s, o["S1"], o["S2"], TODAY, today=TODAY), "cannot stand under"),
        (lambda s, o: tree.move(s, o["S1"], o["B2"], TODAY + timedelta(1), today=TODAY), "has not come yet"),
        (lambda s, o: tree.close(s, o["B1"], TODAY, today=TODAY), "still open"),
        (lambda s, o: tree.close(s, o["O1"], date(2019, 1, 1), today=TODAY), "later day"),
        (lambda s, o: tree.merge(s, o["B1"], o["S1"], TODAY, today=TODAY), "stands below"),
        (lambda s, o: tree.merge(s, o["B1"], o["B1"], TODAY, today=TODAY), "itself"),
        (lambda s, o: tree.merge(s, o["B1"], o["S2"], TODAY, today=TODAY), "cannot merge into"),
        (lambda s, o: tree.merge(s, o["S1"], o["S2"], BEGIN, today=TODAY), "later day"),
        (lambda s, o: staff.appoint(s, Employee(id=1), o["S1"], "x", on=date(2019, 1, 1)), "not open"),
    ],
)
def test_refusals(session: Session, change: Change, message: str) -> None:
    orgs = bank(session)
    with pytest.raises(OrgError, match=message):
        change(session, orgs)


def test_what_is_closed_stays_closed(session: Session) -> None:
    orgs = bank(session)
    tree.merge(session, orgs["O1"], orgs["O2"], date(2026, 1, 1), today=TODAY)
    for change in (
        lambda: tree.move(session, orgs["O1"], orgs["S2"], TODAY, today=TODAY),
        lambda: tree.close(session, orgs["O1"], TODAY, today=TODAY),
        lambda: tree.merge(session, orgs["O2"], orgs["O1"], TODAY, today=TODAY),
        lambda: staff.hire(session, "e2", "x", orgs["O1"], title="x", on=TODAY),
    ):
        with pytest.raises(OrgError, match=r"closed|not open"):
            change()


def test_moving_back_and_forth(session: Session) -> None:
    orgs = bank(session)
    tree.move(session, orgs["S1"], orgs["B1"], TODAY, today=TODAY)  # where it stands already
    tree.move(session, orgs["S1"], orgs["B2"], date(2026, 2, 1), today=TODAY)
    tree.move(session, orgs["S1"], orgs["B1"], date(2026, 2, 1), today=TODAY)  # the same day: entered wrongly, mended
    assert orgs["S1"].parent_id == orgs["B1"].id
    with pytest.raises(OrgError, match="only on"):
        tree.move(session, orgs["S1"], orgs["B2"], date(2026, 1, 1), today=TODAY)


def test_backdated_end_cannot_orphan_what_stood_below(session: Session) -> None:
    orgs = bank(session)
    for outlet in ("O1", "O2"):
        tree.move(session, orgs[outlet], orgs["S2"], date(2026, 6, 1), today=TODAY)
    with pytest.raises(OrgError, match="stood below"):
        tree.merge(session, orgs["S1"], orgs["S2"], date(2026, 3, 1), today=TODAY)
    with pytest.raises(OrgError, match="stood below"):
        tree.close(session, orgs["S1"], date(2026, 3, 1), today=TODAY)
    tree.close(session, orgs["S1"], date(2026, 6, 1), today=TODAY)


def test_people_keep_a_place_from_closing(session: Session) -> None:
    orgs = bank(session)
    person = staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN)
    with pytest.raises(OrgError, match="people still work"):
        tree.close(session, orgs["O1"], TODAY, today=TODAY)
    staff.leave(session, person, on=date(2026, 1, 1))
    tree.close(session, orgs["O1"], TODAY, today=TODAY)


def test_posts_over_time(session: Session) -> None:
    orgs = bank(session)
    person = staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN)
    with pytest.raises(OrgError, match="taken"):
        staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN)
    staff.appoint(session, person, orgs["O2"], "兼职", on=date(2021, 1, 1))
    staff.appoint(session, person, orgs["S1"], "借调", on=date(2023, 1, 1))
    staff.transfer(session, person, orgs["S2"], "客户经理", on=date(2022, 1, 1), today=TODAY)
    assert person.org_id == orgs["S2"].id
    assert [p.title for p in staff.posts(session, person.id, date(2021, 6, 1))] == ["柜员", "兼职"]
    assert [p.title for p in staff.posts(session, person.id, date(2024, 1, 1))] == ["客户经理"]


def test_a_transfer_is_entered_when_its_day_has_come(session: Session) -> None:
    orgs = bank(session)
    person = staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN)
    with pytest.raises(OrgError, match="has not come yet"):
        staff.transfer(session, person, orgs["S2"], "客户经理", on=TODAY + timedelta(1), today=TODAY)
    assert person.org_id == orgs["O1"].id
    assert [post.title for post in staff.posts(session, person.id, TODAY + timedelta(1))] == ["柜员"]


def test_whoever_leaves_later_keeps_a_place_open_till_then(session: Session) -> None:
    orgs = bank(session)
    last = TODAY - timedelta(days=2)
    staff.leave(session, staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN), on=last)
    with pytest.raises(OrgError, match="people still work"):
        tree.close(session, orgs["O1"], last - timedelta(1), today=TODAY)
    tree.close(session, orgs["O1"], last, today=TODAY)


def test_a_post_that_ends_later_keeps_a_place_open_till_then(session: Session) -> None:
    orgs = bank(session)
    person = staff.hire(session, "e1", "李静", orgs["O1"], title="柜员", on=BEGIN)
    staff.transfer(session, person, orgs["S2"], "客户经理", on=TODAY, today=TODAY)
    with pytest.raises(OrgError, match="people still work"):
        tree.close(session, orgs["O1"], TODAY - timedelta(2), today=TODAY)
    tree.close(session, orgs["O1"], TODAY - timedelta(1), today=TODAY)


def test_the_day_is_the_banks_and_not_the_servers(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    app = Flask("orgs_test")
    app.config["CRM"] = SimpleNamespace(timezone="Asia/Shanghai")
    monkeypatch.setattr("core.db.types.now", lambda: datetime(2026, 3, 1, 16, 30, tzinfo=UTC))
    orgs, day = bank(session), date(2026, 3, 2)
    person = staff.hire(session, "e1", "李静", orgs["S2"], title="柜员", on=BEGIN)
    with app.app_context():
        assert today() == day
        with pytest.raises(OrgError, match="has not come yet"):
            tree.move(session, orgs["S1"], orgs["B2"], day + timedelta(1))
        tree.move(session, orgs["S1"], orgs["B2"], day)
        staff.transfer(session, person, orgs["S1"], "柜员", on=day)
    assert orgs["S1"].parent_id == orgs["B2"].id and person.org_id == orgs["S1"].id


def test_by_code(session: Session) -> None:
    orgs = bank(session)
    assert tree.by_code(session, "S1") is orgs["S1"]
    assert tree.by_code(session, "none") is None


# -- whatever is done --------------------------------------------------------------------------------------------------

LEVELS = st.sampled_from(list(Level)[1:])
STEP = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 30), LEVELS),
    st.tuples(st.just("hire"), st.integers(0, 30), LEVELS),
    st.tuples(st.just("move"), st.integers(0, 30), st.integers(0, 30)),
    st.tuples(st.just("merge"), st.integers(0, 30), st.integers(0, 30)),
    st.tuples(st.just("close"), st.integers(0, 30), st.integers(0, 30)),
)


@settings(max_examples=60)
@given(st.lists(STEP, max_size=30))
def test_tree_stays_a_tree(steps: list[tuple[str, int, object]]) -> None:
    tables = [m.__table__ for m in (Organisation, Placement, Employee, Post, AuditEntry)]
    engine = create_engine("sqlite://", poolclass=StaticPool)
    metadata.create_all(engine, tables=tables)  # type: ignore[arg-type]
    with Session(engine) as session:
        orgs = [tree.create(session, "H", "H", Level.HEAD, on=BEGIN)]
        for number, (what, one, other) in enumerate(steps):
            on = BEGIN + timedelta(days=30 * (number + 1))
            org = orgs[one % len(orgs)]
            try:
                if what == "create":
                    assert isinstance(other, Level)
                    orgs.append(tree.create(session, f"c{number}", "x", other, parent=org, on=on))
                elif what == "hire":
                    staff.hire(session, f"e{number}", "x", org, title="x", on=on)
                elif what == "close":
                    tree.close(session, org, on, today=TODAY)
                else:
                    assert isinstance(other, int)
                    getattr(tree, what)(session, org, orgs[other % len(orgs)], on, today=TODAY)
            except OrgError:
                continue
            session.commit()
            check(session, on)
            check(session, BEGIN + timedelta(days=15 * number))
    engine.dispose()


def check(session: Session, on: date) -> None:
    """Paths are the chains of parents, open stands under open, days agree, and everybody who is here is somewhere."""
    every = {org.id: org for org in session.scalars(select(Organisation))}
    for org in every.values():
        chain, at = [], org
        while True:
            chain.append(at.id)
            assert len(chain) <= 4, "a cycle, or levels out of order"
            if at.parent_id is None:
                break
            at = every[at.parent_id]
        assert org.path == "/" + "/".join(map(str, reversed(chain))) + "/"
        assert tree.subtree_ids(session, org.id) == {o.id for o in every.values() if o.path.startswith(org.path)}
        if org.valid_to is None and org.parent_id is not None:
            assert every[org.parent_id].valid_to is None
    nodes = tree.tree(session, on)
    seen: set[int] = set()
    for node in nodes:
        assert node.parent_id is None or node.parent_id in seen, "a child without its parent on that day"
        seen.add(node.id)
    valid = {o.id for o in every.values() if o.valid_from <= on and (o.valid_to is None or o.valid_to >= on)}
    assert seen == valid
    for person in session.scalars(select(Employee)):
        assert every[person.org_id].valid_to is None
        if person.valid_from <= on:
            assert [every[post.org_id].id for post in staff.posts(session, person.id, on)]
