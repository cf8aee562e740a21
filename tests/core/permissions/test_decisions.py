"""Deny by default, deny wins, scopes unite, and what is changed holds at once."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from core import permissions
from core.auth.models import User
from core.contract.types import Action
from core.db.session import system_session
from core.orgs import staff, tree
from core.orgs.models import Employee, Organisation, Placement
from core.permissions import GrantSpec, RoleConflict
from core.permissions.decisions import today
from core.permissions.models import Grant, GrantOrganisation, Role, UserRole

ACTION = "crm.customer.view"


def test_nothing_is_allowed_by_default(world: Any) -> None:
    assert not world.verdict(2) and world.sees(2) == set()
    world.role("empty", user=2)
    assert not world.verdict(2)
    assert not world.verdict(404)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("own", {4}), ("branch", {2}), ("branch_below", {2, 4}), ("bank", {1, 2, 3, 4, 5})],
)
def test_each_scope(world: Any, scope: str, expected: set[int]) -> None:
    world.role("rm", GrantSpec(ACTION, scope), user=2)
    assert world.verdict(2)
    assert world.sees(2) == expected
    assert permissions.reach_of(2, ACTION).whole_bank is (scope == "bank")


def test_listed_organisations_and_another_place(world: Any) -> None:
    world.role("risk", GrantSpec(ACTION, "listed", orgs=(1, 5)), user=2)
    assert world.sees(2) == {1, 5}
    world.role("head", GrantSpec(ACTION, "branch_below"), user=4, org_id=3)
    assert world.sees(4) == {3, 5}


def test_scopes_unite(world: Any) -> None:
    world.role("a", GrantSpec(ACTION, "branch"), user=2)
    world.role("b", GrantSpec(ACTION, "listed", orgs=(5,)), user=2)
    world.role("c", GrantSpec("crm.*", "own"), user=2)
    assert world.sees(2) == {2, 4, 5}
    world.role("d", GrantSpec("*", "bank"), user=2)
    assert world.sees(2) == {1, 2, 3, 4, 5}


def test_a_user_without_employee_or_place_sees_nothing(world: Any) -> None:
    for scope in ("own", "branch", "branch_below"):
        world.role(f"r_{scope}", GrantSpec(ACTION, scope), user=9)
    assert world.verdict(9) and world.sees(9) == set()


def test_an_employee_who_has_left_has_no_place(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION, "branch_below"), GrantSpec(ACTION, "own"), user=2)
    with system_session("test") as s:
        s.get(Employee, 2).valid_to = today() - timedelta(days=1)
        s.commit()
    assert world.sees(2) == set()


def test_deny_wins_wholly_or_in_part(world: Any) -> None:
    world.role("all", GrantSpec(ACTION, "bank"), user=2)
    world.role("no3", GrantSpec(ACTION, "listed", "deny", orgs=(3,)), user=2)
    assert world.sees(2) == {1, 2, 4, 5}
    assert not permissions.reach_of(2, ACTION).whole_bank
    world.role("notbelow", GrantSpec("crm.customer.*", "branch_below", "deny"), user=2)
    assert world.sees(2) == {1, 5}
    world.role("never", GrantSpec("crm.*", "bank", "deny"), user=2)
    assert not world.verdict(2) and world.sees(2) == set()
    assert "Never" in " ".join(permissions.decide(2, ACTION).reasons)


def test_a_denied_place_takes_own_rows_too(world: Any) -> None:
    world.role("own", GrantSpec(ACTION, "own"), user=2)
    assert world.sees(2) == {4}
    world.role("no4", GrantSpec(ACTION, "listed", "deny", orgs=(4,)), user=2)
    assert world.sees(2) == set()


def test_a_denial_that_cannot_be_subtracted_takes_all(world: Any) -> None:
    world.role("all", GrantSpec(ACTION, "bank"), user=2)
    with system_session("test") as s:  # past the service, which refuses to store it
        role = s.scalar(select(Role).where(Role.name == "all"))
        s.add(Grant(role_id=role.id, action=ACTION, effect="deny", scope="own"))
        s.commit()
    assert not world.verdict(2) and world.sees(2) == set()


def test_lines(world: Any) -> None:
    world.role("retail", GrantSpec(ACTION, "bank", line="retail"), user=2)
    assert world.sees(2) == {1, 3, 5}
    assert not permissions.reach_of(2, ACTION).whole_bank
    world.role("corp", GrantSpec(ACTION, "bank", line="corp"), user=2)
    assert world.sees(2) == {1, 2, 3, 4, 5}


def test_lines_of_different_scopes_never_unite_to_more(world: Any) -> None:
    world.role("retail", GrantSpec(ACTION, "branch", line="retail"), user=2)
    world.role("corp", GrantSpec(ACTION, "listed", line="corp", orgs=(5,)), user=2)
    assert world.sees(2) == set()  # neither grant alone gives 2 (corp) or 5 (retail)


def test_organisations_and_grants_that_move_hold_at_once(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION, "branch_below"), user=2)
    assert world.sees(2) == {2, 4}
    with system_session("test") as s:
        s.get(Organisation, 5).path = "/1/2/5/"
        s.commit()
    assert world.sees(2) == {2, 4, 5}
    with system_session("test") as s:
        s.get(world.Customer, 4).org_id = 3
        s.commit()
    assert world.sees(2) == {2, 5}
    with system_session("test") as s:
        permissions.remove_grant(s, s.scalars(select(Grant)).one())
        s.commit()
    assert world.sees(2) == set()
    world.role("rm", GrantSpec(ACTION, "branch"))
    assert world.sees(2) == {2}
    with system_session("test") as s:
        assert permissions.revoke(s, 2, "rm") == 1
        assert permissions.revoke(s, 2, "rm") == 0
        s.commit()
    assert not world.verdict(2)


def test_after_a_merger_people_reach_what_the_successor_has(world: Any) -> None:
    """Outlet 4 of branch 2 is dissolved into outlet 5 of branch 3: at once, and whatever the people there hold."""
    world.role("rm", GrantSpec(ACTION, "branch"), user=4)
    world.role("chief", GrantSpec(ACTION, "branch_below"), user=3)
    assert (world.sees(4), world.sees(3)) == ({4}, {3, 5})
    with system_session("test") as s:
        s.add_all(Placement(org_id=n, parent_id=n - 2, valid_from=date(2020, 1, 1)) for n in (4, 5))
        s.flush()
        tree.merge(s, s.get(Organisation, 4), s.get(Organisation, 5), today(), today=today())
        s.commit()
    # The rows still name the outlet that is gone: they are its heir's, and no longer its old branch's.
    assert (world.sees(4), world.sees(3)) == ({4, 5}, {3, 4, 5})
    world.role("old_chief", GrantSpec(ACTION, "branch_below"), user=2)
    assert 4 not in world.sees(2)
    world.role("visitor", GrantSpec(ACTION, "branch"), user=9, org_id=4)
    world.role("auditor", GrantSpec(ACTION, "listed", orgs=(4,)), user=1)
    assert (world.sees(9), world.sees(1)) == ({4, 5}, {4, 5})


def test_the_heir_of_an_heir_stands_for_both(world: Any) -> None:
    with system_session("test") as s:
        s.add_all(Placement(org_id=n, parent_id=1, valid_from=date(2020, 1, 1)) for n in (2, 3))
        s.add_all(Placement(org_id=n, parent_id=n - 2, valid_from=date(2020, 1, 1)) for n in (4, 5))
        s.flush()
        tree.merge(s, s.get(Organisation, 4), s.get(Organisation, 5), today(), today=today())
        tree.merge(s, s.get(Organisation, 5), s.get(Organisation, 2), today(), today=today())
        assert (s.get(Organisation, 4).merged_into_id, s.get(Organisation, 4).heir_id) == (5, 2)
        s.commit()
    world.role("rm", GrantSpec(ACTION, "branch"), user=2)
    assert world.sees(2) >= {2, 4, 5}


def test_a_dissolved_place_keeps_its_history_but_takes_nobody_in(world: Any) -> None:
    with system_session("test") as s:
        s.add_all(Placement(org_id=n, parent_id=n - 2, valid_from=date(2020, 1, 1)) for n in (4, 5))
        s.flush()
        tree.merge(s, s.get(Organisation, 4), s.get(Organisation, 5), today(), today=today())
        assert tree.successor(s, 4, today() - timedelta(days=1)) == 4
        assert s.get(Employee, 4).org_id == 5
        with pytest.raises(tree.OrgError, match="not open"):
            staff.hire(s, "late", "李静", s.get(Organisation, 4), title="柜员", on=today())
        s.rollback()


def test_validity_of_a_role(world: Any) -> None:
    day = today()
    world.role("past", ACTION, user=2, valid_to=day - timedelta(days=1))
    world.role("soon", ACTION, user=2, valid_from=day + timedelta(days=1))
    assert not world.verdict(2)
    world.role("now", ACTION, user=2, valid_from=day, valid_to=day)
    assert world.verdict(2)


def test_a_role_that_is_held_gets_the_last_day_it_is_given_anew(world: Any) -> None:
    """Whoever limits a role must not be told that it is done while it goes on."""
    world.role("all", ACTION, user=2)
    world.role("all", user=2, valid_to=today() - timedelta(days=1))
    assert not world.verdict(2)
    world.role("all", user=2, valid_to=None)
    assert world.verdict(2)
    with system_session("test") as s:
        assert len(s.scalars(select(UserRole).where(UserRole.user_id == 2)).all()) == 1


def test_a_disabled_user_may_nothing(world: Any) -> None:
    world.role("all", ACTION, user=8)
    assert not world.verdict(8)
    assert permissions.decide(8, ACTION).reasons


def test_grants_of_disabled_plugins_count_for_nothing(world: Any) -> None:
    world.role("all", "crm.*", user=2)
    assert world.verdict(2)
    kept, world.actions = world.actions, []
    assert not world.verdict(2)
    world.actions = kept
    assert world.verdict(2)
    assert not world.verdict(2, "crm.customer.invented")


def test_actions_of_the_core(world: Any) -> None:
    permissions.declare(Action("core.test.do", "Do", business_data=False))
    world.role("all", "core.test.do", user=2)
    assert world.verdict(2, "core.test.do")
    assert permissions.declared("core.test.do").label == "Do"


def test_an_administrators_action_shows_no_business_data() -> None:
    with pytest.raises(ValueError, match="business_data=False"):
        Action("core.test.do", "Do", kind="system")


def test_vetoes(world: Any) -> None:
    world.role("all", ACTION, user=2)
    assert world.verdict(2)
    world.votes = ["Closed at night"]
    assert permissions.decide(2, ACTION, "crm.customer", 2) == permissions.Verdict(False, ("Closed at night",))
    assert world.asked == (2, ACTION, "crm.customer", "2")
    assert world.sees(2) == set()


def test_one_thing_has_to_be_in_reach(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION, "branch"), user=2)
    assert world.verdict(2, ACTION, "crm.customer", 2)
    assert world.verdict(2, ACTION, "crm.customer", "2")
    assert not world.verdict(2, ACTION, "crm.customer", 3)
    assert not world.verdict(2, ACTION, "crm.customer", "x")
    assert not world.verdict(2, ACTION, "crm.nothing", 2)
    world.provider_on = False
    assert not world.verdict(2, ACTION, "crm.customer", 2)


# -- the three administrators ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["system", "security", "audit"])
def test_administrators_see_no_business_data(world: Any, kind: str) -> None:
    world.role("admin", "*", kind=kind, user=2)
    assert world.verdict(2, "crm.modules.switch")
    assert not world.verdict(2) and world.sees(2) == set()
    assert world.sees(2, "crm.customer.edit") == set()


@pytest.mark.parametrize("first", ["system", "security", "audit", "business"])
@pytest.mark.parametrize("second", ["system", "security", "audit"])
def test_administrators_exclude_each_other_and_business(world: Any, first: str, second: str) -> None:
    world.role("one", "*", kind=first, user=2)
    world.role("two", "*", kind=second)
    with system_session("test") as s:
        if first == second:
            permissions.assign(s, 2, "two")
            return
        with pytest.raises(RoleConflict):
            permissions.assign(s, 2, "two")
        s.rollback()
        role = s.scalar(select(Role).where(Role.name == "two"))
        s.add(UserRole(user_id=2, role_id=role.id))  # past the service: the decision fails closed
        s.commit()
    assert not world.verdict(2, "crm.modules.switch") and not world.verdict(2)
    assert world.sees(2) == set()


def test_roles_that_do_not_overlap_in_time(world: Any) -> None:
    world.role("biz", "*", user=2, valid_to=date(2020, 1, 31))
    world.role("sys", "*", kind="system", user=2, valid_from=date(2020, 2, 1))
    with system_session("test") as s, pytest.raises(RoleConflict):
        permissions.assign(s, 2, "sys", valid_from=date(2020, 1, 31), valid_to=date(2020, 3, 1))
    assert world.verdict(2, "crm.modules.switch")


def test_a_denial_of_administration_is_a_denial(world: Any) -> None:
    world.role("sys", "*", kind="system", user=2)
    world.role("no", GrantSpec("crm.modules.switch", "listed", "deny", orgs=(3,)), kind="system", user=2)
    assert not world.verdict(2, "crm.modules.switch")


# -- roles -------------------------------------------------------------------------------------------------------------


def test_ensure_role_is_idempotent(world: Any) -> None:
    spec = GrantSpec(ACTION, "listed", orgs=(2, 3))
    for _ in range(2):
        world.role("rm", "crm.customer.edit", spec, user=2)
    with system_session("test") as s:
        assert len(s.scalars(select(Grant)).all()) == 2
        assert len(s.scalars(select(GrantOrganisation)).all()) == 2
        assert len(s.scalars(select(UserRole)).all()) == 1
        with pytest.raises(ValueError, match="kind"):
            permissions.ensure_role(s, "rm", "x", "system")
        with pytest.raises(LookupError):
            permissions.assign(s, 2, "nobody")
    assert [e.action for e in world.audit()].count("core.grant.added") == 2


@pytest.mark.parametrize(
    "spec",
    [
        GrantSpec("a", "everywhere"),
        GrantSpec("a", effect="maybe"),
        GrantSpec(""),
        GrantSpec("a*b"),
        GrantSpec("a", "own", "deny"),
        GrantSpec("a", "bank", "deny", line="corp"),
        GrantSpec("a", "listed"),
        GrantSpec("a", "bank", orgs=(1,)),
    ],
)
def test_grants_that_make_no_sense(world: Any, spec: GrantSpec) -> None:
    with pytest.raises(ValueError):
        world.role("rm", spec)


def test_changes_are_audited(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION), user=2, reason="new post")
    with system_session("test") as s:
        permissions.revoke(s, 2, "rm", reason="left")
        permissions.remove_grant(s, s.scalars(select(Grant)).one())
        s.commit()
    entries = [(e.action, e.key, e.reason) for e in world.audit()]
    assert ("core.role.assigned", "2", "new post") in entries
    assert ("core.role.revoked", "2", "left") in entries
    assert {"core.role.created", "core.grant.added", "core.grant.removed"} <= {e[0] for e in entries}


# -- why ---------------------------------------------------------------------------------------------------------------


def test_explain_gives_each_action_its_verdict_and_every_grant_its_ground(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION, "branch"), GrantSpec(ACTION, "listed", "deny", orgs=(3, 5)), user=2)
    view, edit = permissions.explain(2, "crm.customer", 2)
    assert (view.action, view.title, view.verdict.allowed) == (ACTION, "View customers", True)
    assert view.grounds == (
        permissions.Ground("Rm", True, "own branch", ("org 2",), True),
        permissions.Ground("Rm", False, "listed branches", ("org 3", "org 5"), False),
    )
    assert (edit.action, edit.verdict.allowed, edit.grounds) == ("crm.customer.edit", False, ())
    view, _edit = permissions.explain(2, "crm.customer", 3)
    assert not view.verdict.allowed
    assert [ground.inside for ground in view.grounds] == [False, True]


def test_own_rows_and_the_whole_bank_name_no_place(world: Any) -> None:
    world.role("rm", GrantSpec(ACTION, "own"), GrantSpec(ACTION, "bank"), user=2)
    view, _edit = permissions.explain(2, "crm.customer", 5)
    assert view.grounds == (
        permissions.Ground("Rm", True, "own rows", (), False),
        permissions.Ground("Rm", True, "whole bank", (), True),
    )


def test_whom_to_ask_are_those_who_can_grant_it_and_not_those_who_hold_it(world: Any) -> None:
    world.role("rm", GrantSpec("crm.customer.*"))
    world.role("sys", "*", kind="system")
    world.role("sec", kind="security")
    assert permissions.grantors() == "Sec"
    world.role("chief", GrantSpec(ACTION))
    world.role("other", kind="security")
    assert permissions.grantors() == "Other or Sec"


def test_nobody_can_give_an_administrator_what_is_kept_apart(world: Any) -> None:
    world.role("sys", "*", kind="system", user=2)
    assert permissions.barred(2, ACTION)
    assert not permissions.barred(2, "crm.modules.switch")
    assert not permissions.barred(4, ACTION)


def test_roles_speak_for_actions_of_modules_that_are_off(world: Any) -> None:
    world.role("rm", GrantSpec("visits.*"), user=2)
    world.role("sys", GrantSpec("visits.*"), kind="system", user=4)
    assert permissions.speaks_for(2, "visits.visit.view")
    assert not permissions.speaks_for(2, "sales.lead.view")
    assert not permissions.speaks_for(4, "visits.visit.view")
    world.role("no", GrantSpec("visits.visit.view", "bank", "deny"), user=2)
    assert not permissions.speaks_for(2, "visits.visit.view")


@pytest.mark.parametrize(
    ("language", "expected"),
    [("zh_CN", ("", "甲", "甲、乙或丙", "甲、乙和丙")), ("en", ("", "甲", "甲, 乙, or 丙", "甲, 乙, and 丙"))],
)
def test_lists_in_both_languages(language: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from core import i18n

    monkeypatch.setattr(i18n, "current", lambda: language)
    assert (i18n.listed([]), i18n.listed("甲"), i18n.listed("甲乙丙", "or"), i18n.listed("甲乙丙")) == expected


# -- properties --------------------------------------------------------------------------------------------------------

BELOW = {1: {1, 2, 3, 4, 5}, 2: {2, 4}, 3: {3, 5}, 4: {4}, 5: {5}}
grants = st.lists(
    st.tuples(
        st.sampled_from(["allow", "allow", "deny"]),
        st.sampled_from(["own", "branch", "branch_below", "bank", "listed"]),
        st.frozensets(st.integers(1, 5), min_size=1, max_size=2),
        st.sampled_from([ACTION, "crm.customer.*", "*", "crm.customer.edit"]),
    ).filter(lambda g: not (g[0] == "deny" and g[1] == "own")),
    max_size=5,
)


def area(user: int, scope: str, orgs: frozenset[int]) -> set[int]:
    """Customer ids of a scope: customer n lies in organisation n."""
    return {"own": {6 - user}, "branch": {user}, "branch_below": BELOW[user], "bank": BELOW[1], "listed": set(orgs)}[
        scope
    ]


@settings(max_examples=40)
@given(user=st.integers(1, 5), given_grants=grants)
def test_reach_against_an_oracle(world: Any, user: int, given_grants: Any) -> None:
    specs = [GrantSpec(a, s, e, orgs=tuple(sorted(o)) if s == "listed" else ()) for e, s, o, a in given_grants]
    with system_session("test") as s:
        for model in (UserRole, GrantOrganisation, Grant, Role):
            for row in s.scalars(select(model)):
                s.delete(row)
            s.flush()
        s.commit()
    world.role("r", *specs, user=user)
    relevant = [g for g in given_grants if g[3] != "crm.customer.edit"]
    allows = [g for g in relevant if g[0] == "allow"]
    denies = [g for g in relevant if g[0] == "deny"]
    expected: set[int] = set()
    for _, scope, orgs, _a in allows:
        if not (scope == "own" and denies):
            expected |= area(user, scope, orgs)
    for _, scope, orgs, _a in denies:
        expected -= area(user, scope, orgs)
    assert world.sees(user) == expected
    for customer in range(1, 6):
        assert world.verdict(user, ACTION, "crm.customer", customer) == (customer in expected)


# -- changes, one after the other, of everything that decides ----------------------------------------------------------

PLACES = st.integers(1, 5)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("home"), PLACES, PLACES),
        st.tuples(st.just("manager"), PLACES, PLACES),
        st.tuples(st.just("post"), PLACES, PLACES),
        st.tuples(st.just("grant"), PLACES, st.sampled_from(["own", "branch", "branch_below", "bank"])),
        st.tuples(st.just("ungrant"), PLACES, st.just("")),
        st.tuples(st.just("switch"), PLACES, st.sampled_from([True, False])),
    ),
    min_size=1,
    max_size=10,
)


class Ledger:
    """What the oracle knows: where customers and people are, and what each person's own role grants."""

    def __init__(self) -> None:
        self.home = {n: n for n in range(1, 6)}
        self.manager = {n: 6 - n for n in range(1, 6)}
        self.post = {n: n for n in range(1, 6)}
        self.scopes: dict[int, set[str]] = {n: set() for n in range(1, 6)}
        self.active = dict.fromkeys(range(1, 6), True)

    def sees(self, user: int) -> set[int]:
        here = self.post[user]
        covered = {"own": set(), "branch": {here}, "branch_below": BELOW[here], "bank": BELOW[1]}
        scopes = self.scopes[user] if self.active[user] else set()
        places: set[int] = set().union(*(covered[scope] for scope in scopes))
        mine = {c for c, who in self.manager.items() if who == user} if "own" in scopes else set()
        return mine | {c for c, place in self.home.items() if place in places}

    def change(self, session: Any, world: Any, what: str, one: int, other: Any) -> None:
        """Book one change, here and in the database."""
        if what in {"home", "manager"}:
            getattr(self, what)[one] = other
            setattr(session.get(world.Customer, one), {"home": "org_id", "manager": "manager_id"}[what], other)
        elif what == "post":
            self.post[one] = other
            session.get(Employee, one).org_id = other
        elif what == "switch":
            self.active[one] = other
            session.get(User, one).active = other
        elif what == "grant":
            self.scopes[one].add(other)
            permissions.ensure_role(session, f"of{one}", "Own role", grants=[GrantSpec(ACTION, other)])
        else:
            self.scopes[one].clear()
            for grant in session.scalars(select(Grant).join(Role).where(Role.name == f"of{one}")):
                permissions.remove_grant(session, grant)


@settings(max_examples=25)
@given(happened=changes)
def test_every_change_holds_at_once_for_everybody(world: Any, happened: Any) -> None:
    """Customers change home and manager, people change place, grants come and go, users are switched off and on: after
    each change all five users, one after the other on one engine, see what they should."""
    ledger = Ledger()
    with system_session("test") as s:
        for n in range(1, 6):
            permissions.ensure_role(s, f"of{n}", "Own role")
            permissions.assign(s, n, f"of{n}")
            for what, place in (("home", n), ("manager", 6 - n), ("post", n), ("ungrant", ""), ("switch", True)):
                ledger.change(s, world, what, n, place)
        s.commit()
    for what, one, other in happened:
        with system_session("test") as s:
            ledger.change(s, world, what, one, other)
            s.commit()
        for user in range(1, 6):
            assert world.sees(user) == ledger.sees(user), (what, one, other, user)
