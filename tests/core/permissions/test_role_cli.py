"""``crm role``: making roles, saying what they grant, giving them to people."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from core.auth.models import User
from core.db.session import system_session
from core.monitoring.models import AuditEntry
from core.orgs import tree
from core.orgs.models import Level
from core.permissions import assign, decide, ensure_role
from core.permissions.cli import role

Run = Callable[..., Any]
SEE = "customers.party.view"


@pytest.fixture
def run(crm_app: Flask) -> Run:
    """Run ``crm role …``; the answer as JSON, its exit code beside it."""
    with crm_app.app_context(), system_session("people") as session:
        session.add_all([User(username=name) for name in ("sec", "sec2", "sys", "clerk")])
        head = tree.create(session, "H1", "总行", Level.HEAD, on=date(2020, 1, 1))
        tree.create(session, "B1", "分行", Level.BRANCH, parent=head, on=date(2020, 1, 1))
        session.commit()

    def invoke(*line: str) -> Any:
        result: Result = crm_app.test_cli_runner().invoke(role, [*line, "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        answer = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        return {"code": result.exit_code, **answer}

    return invoke


@pytest.fixture
def secured(run: Run, crm_app: Flask) -> Run:
    """The same, once there is a security administrator and a role of each other kind."""
    with crm_app.app_context(), system_session("roles") as session:
        ensure_role(session, "t_sec", "安全", "security", ["permissions.roles.manage"])
        ensure_role(session, "t_sys", "系统", "system")
        ensure_role(session, "t_rm", "客户经理")
        for name, held in (("sec", "t_sec"), ("sys", "t_sys")):
            assign(session, person(session, name), held)
        session.commit()
    return run


def person(session: Any, name: str) -> int:
    return int(session.scalars(select(User.id).where(User.username == name)).one())


def may(app: Flask, name: str, action: str) -> bool:
    with app.app_context():
        with system_session("test") as session:
            user_id = person(session, name)
        return decide(user_id, action).allowed


def test_the_first_roles_of_a_new_database_need_nobody(run: Run, crm_app: Flask) -> None:
    assert run("create", "t_sec", "--label", "安全管理员", "--kind", "security")["code"] == 0
    assert run("grant", "t_sec", "permissions.*")["code"] == 0
    assert run("assign", "sec", "t_sec", "--reason", "first day")["code"] == 0
    assert may(crm_app, "sec", "permissions.roles.manage")
    closed = run("create", "t_rm", "--label", "客户经理")
    assert (closed["code"], "--by" in closed["error"]) == (2, True)
    assert run("create", "t_rm", "--label", "客户经理", "--by", "sec")["code"] == 0


def test_a_new_plugins_action_comes_to_a_person_and_goes(secured: Run, crm_app: Flask) -> None:
    by = ("--by", "sec")
    assert SEE in [action["name"] for action in secured("actions")["actions"]]
    granted = secured("grant", "t_rm", SEE, "--scope", "listed", "--org", "B1", "--line", "retail", *by)
    assert (granted["code"], granted["scope"], granted["organisations"]) == (0, "listed", ["B1"])
    given = secured("assign", "Clerk", "t_rm", "--org", "B1", "--from", "2020-01-01", "--reason", "new", *by)
    assert given["code"] == 0
    assert may(crm_app, "clerk", SEE)
    shown = secured("show", "t_rm")
    assert shown["grants"] == [
        {"effect": "allow", "action": SEE, "scope": "listed", "line": "retail", "organisations": ["B1"]}
    ]
    assert shown["holders"] == [{"user": "clerk", "at": "B1", "from": "2020-01-01", "to": None}]
    listed = {r["name"]: r for r in secured("list")["roles"]}
    assert (listed["t_rm"]["grants"], listed["t_rm"]["held"], listed["t_sys"]["kind"]) == (1, 1, "system")

    assert secured("grant", "t_rm", SEE, "--deny", *by)["effect"] == "deny"
    assert not may(crm_app, "clerk", SEE), "a denial wins"
    assert secured("revoke", "t_rm", SEE, "--scope", "bank", *by)["removed"] == 1
    assert may(crm_app, "clerk", SEE)
    assert secured("unassign", "clerk", "t_rm", "--reason", "left", *by)["removed"] == 1
    assert not may(crm_app, "clerk", SEE)
    assert secured("unassign", "clerk", "t_rm", "--reason", "left", *by)["code"] == 1
    assert secured("revoke", "t_rm", SEE, *by)["removed"] == 1
    assert secured("revoke", "t_rm", SEE, *by)["code"] == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("grant", "t_rm", "nothing.of.the.kind"), "no module that is on declares"),
        (("grant", "t_rm", "nothing.*"), "no module that is on declares"),
        (("grant", "t_rm", "*.view"), "prefix"),
        (("grant", "t_rm", SEE, "--scope", "listed"), "names its organisations"),
        (("grant", "t_rm", SEE, "--scope", "bank", "--org", "B1"), "names its organisations"),
        (("grant", "t_rm", SEE, "--scope", "listed", "--org", "B9"), "no organisation"),
        (("grant", "t_rm", SEE, "--deny", "--scope", "own"), "denial"),
        (("grant", "t_sys", SEE), "business data"),
        (("grant", "t_sys", "customers.*"), "business data"),
        (("grant", "t_none", SEE), "no role"),
        (("create", "t_rm", "--label", "x"), "exists already"),
        (("create", "t-rm 2", "--label", "x"), "letters"),
        (("assign", "sys", "t_rm", "--reason", "x"), "may not be held together"),
        (("assign", "clerk", "t_none", "--reason", "x"), "no role"),
        (("assign", "nobody", "t_rm", "--reason", "x"), "no user"),
        (("assign", "SEC", "t_sec", "--reason", "x"), "to themselves"),
        (("assign", "clerk", "t_rm", "--from", "2026-02-01", "--to", "2026-01-01", "--reason", "x"), "last day"),
        (("revoke", "t_rm", SEE), "no such grant"),
        (("show", "t_none"), "no role"),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(secured: Run, line: tuple[str, ...], said: str) -> None:
    before = secured("list")
    by = () if line[0] == "show" else ("--by", "sec")
    answer = secured(*line, *by)
    assert answer["code"] == 1
    assert said in answer["error"]
    assert secured("list") == before


CHANGES = (
    ("create", "t_x", "--label", "x"),
    ("grant", "t_rm", SEE),
    ("revoke", "t_rm", SEE),
    ("assign", "clerk", "t_rm", "--reason", "x"),
    ("unassign", "sys", "t_sys", "--reason", "x"),
)


@pytest.mark.parametrize("line", CHANGES, ids=lambda line: line[0])
def test_only_a_security_administrator_changes_anything(secured: Run, line: tuple[str, ...]) -> None:
    before = secured("list")
    for by, code in (((), 2), (("--by", "nobody"), 2), (("--by", "sys"), 1), (("--by", "clerk"), 1)):
        answer = secured(*line, *by)
        assert answer["code"] == code
        assert "permissions.roles.manage" in answer["error"] or "no active user" in answer["error"]
    assert secured("list") == before


def test_every_change_is_audited_with_person_and_account(secured: Run, crm_app: Flask) -> None:
    by = ("--by", "sec")
    secured("create", "t_x", "--label", "x", *by)
    secured("grant", "t_x", SEE, *by)
    secured("assign", "clerk", "t_x", "--reason", "新岗位", *by)
    secured("unassign", "clerk", "t_x", "--reason", "调离", *by)
    secured("revoke", "t_x", SEE, *by)
    with crm_app.app_context(), system_session("test") as session:
        sec = person(session, "sec")
        found = session.scalars(select(AuditEntry).where(AuditEntry.user_id == sec).order_by(AuditEntry.id)).all()
        assert [entry.action for entry in found] == [
            "core.role.created", "core.grant.added", "core.role.assigned", "core.role.revoked", "core.grant.removed"
        ]  # fmt: skip
        assert {entry.address for entry in found} == {f"cli:{getpass.getuser()}"}
        assert [entry.reason for entry in found if entry.reason] == ["新岗位", "调离"]


def test_lines_for_people(secured: Run, crm_app: Flask) -> None:
    runner = crm_app.test_cli_runner()
    secured("grant", "t_rm", SEE, "--by", "sec")
    assert "t_rm  business  客户经理  1 grants" in runner.invoke(role, ["list"]).output
    assert f"allow {SEE} bank" in runner.invoke(role, ["show", "t_rm"]).output
    assert "sec" in runner.invoke(role, ["show", "t_sec"]).output
    assert "permissions.roles.manage  " in runner.invoke(role, ["actions"]).output
    assert runner.invoke(role, ["create", "t_y"]).exit_code == 2
