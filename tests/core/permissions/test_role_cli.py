"""``crm role``: making roles, saying what they grant, giving them to people."""

from __future__ import annotations

import getpass
import json
import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import Result
from flask import Flask
from sqlalchemy import delete, select

from core.auth.models import User
from core.db.session import system_session
from core.monitoring.models import AuditEntry
from core.orgs import tree
from core.orgs.models import Level
from core.permissions import Grant, assign, decide, ensure_role, revoke
from core.permissions.cli import role
from core.permissions.cli_users import user
from core.permissions.safeguards import keeping_a_manager

Run = Callable[..., Any]
SEE = "customers.party.view"


@pytest.fixture
def run(crm_app: Flask) -> Run:
    """Run ``crm role …``, or ``crm user …``; the answer as JSON, its exit code beside it."""
    with crm_app.app_context(), system_session("people") as session:
        session.add_all([User(username=name) for name in ("sec", "sec2", "sys", "clerk")])
        head = tree.create(session, "H1", "总行", Level.HEAD, on=date(2020, 1, 1))
        tree.create(session, "B1", "分行", Level.BRANCH, parent=head, on=date(2020, 1, 1))
        session.commit()

    def invoke(*line: str) -> Any:
        group, words = (user, line[1:]) if line[0] == "user" else (role, line)
        result: Result = crm_app.test_cli_runner().invoke(group, [*words, "--json"])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        answer = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        return {"code": result.exit_code, **answer}

    return invoke


@pytest.fixture
def secured(run: Run, crm_app: Flask) -> Run:
    """The same, once there is a security administrator and a role of each other kind."""
    with crm_app.app_context(), system_session("roles") as session:
        ensure_role(session, "t_sec", "安全", "security", ["permissions.*"])
        ensure_role(session, "t_sec2", "安全二", "security")
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
        (("grant", "t_sys", "permissions.*"), "belongs to roles of kind security, not system"),
        (("grant", "t_sys", "core.*"), "belongs to roles of kind security, not system"),
        (("grant", "t_sec2", "system.modules.switch"), "belongs to roles of kind system, not security"),
        (("grant", "t_rm", "system.*"), "belongs to roles of kind system, not business"),
        (("grant", "t_sec", "core.purge.approve"), "a role they hold"),
        (("grant", "t_sec", "permissions.*", "--deny"), "a role they hold"),
        (("revoke", "t_sec", "permissions.*"), "a role they hold"),
        (("unassign", "sec", "t_sec", "--reason", "x"), "nobody would be left"),
        (("user", "disable", "sec", "--reason", "x"), "nobody would be left"),
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
    ("user", "create", "new"),
    ("user", "disable", "clerk", "--reason", "x"),
    ("user", "enable", "clerk"),
    ("user", "password", "clerk"),
)


@pytest.mark.parametrize("line", CHANGES, ids=lambda line: " ".join(line[:2]))
def test_only_a_security_administrator_changes_anything(secured: Run, line: tuple[str, ...]) -> None:
    before = secured("list"), secured("user", "list")
    needed = "permissions.users.manage" if line[0] == "user" else "permissions.roles.manage"
    for by, code in (((), 2), (("--by", "nobody"), 2), (("--by", "sys"), 1), (("--by", "clerk"), 1)):
        answer = secured(*line, *by)
        assert answer["code"] == code
        assert needed in answer["error"] or "no active user" in answer["error"]
    assert (secured("list"), secured("user", "list")) == before


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


# -- two people, and the way back in -----------------------------------------------------------------------------------


def entries(app: Flask, action: str) -> list[AuditEntry]:
    with app.app_context(), system_session("test") as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def test_an_administrators_action_counts_for_no_other_administrator(secured: Run, crm_app: Flask) -> None:
    """Also when the grant came past the command, from a seed or a prefix."""
    with crm_app.app_context(), system_session("seed") as session:
        ensure_role(session, "t_sec2", "安全二", "security", ["system.*", "core.*"])
        assign(session, person(session, "sec2"), "t_sec2")
        session.commit()
    for theirs in ("system.modules.switch", "core.recovery"):
        assert not may(crm_app, "sec2", theirs)
    assert may(crm_app, "sec2", "core.purge.approve")
    assert may(crm_app, "sec2", "system.modules.view"), "belongs to no single administrator"


def test_a_role_is_widened_by_a_colleague(secured: Run, crm_app: Flask) -> None:
    assert secured("grant", "t_sec2", "core.purge.approve", "--reason", "purges", "--by", "sec")["code"] == 0
    assert entries(crm_app, "core.grant.added")[-1].reason == "purges"
    assert secured("assign", "sec2", "t_sec2", "--reason", "second office", "--by", "sec")["code"] == 0
    assert may(crm_app, "sec2", "core.purge.approve")


def test_another_manager_lets_the_first_go(secured: Run, crm_app: Flask) -> None:
    assert secured("assign", "sec2", "t_sec", "--reason", "second", "--by", "sec")["code"] == 0
    assert secured("user", "disable", "sec", "--reason", "left", "--by", "sec2")["code"] == 0
    last = secured("unassign", "sec2", "t_sec", "--reason", "left", "--by", "sec2")
    assert (last["code"], may(crm_app, "sec2", "permissions.roles.manage")) == (1, True)


def test_denial_that_would_leave_no_manager_is_refused(secured: Run, crm_app: Flask) -> None:
    """Whichever role it stands in."""
    with crm_app.app_context(), system_session("roles") as session:
        ensure_role(session, "t_deputy", "副", "security", ["permissions.roles.manage"])
        assign(session, person(session, "sec2"), "t_deputy")
        session.commit()
    deny = ("permissions.roles.manage", "--deny")
    assert secured("grant", "t_deputy", *deny, "--by", "sec")["code"] == 0, "sec is left"
    secured("grant", "t_sec2", *deny, "--by", "sec")
    shut = secured("assign", "sec", "t_sec2", "--reason", "x", "--by", "sec")
    assert (shut["code"], "to themselves" in shut["error"]) == (1, True)
    refused = pytest.raises(ValueError, match="nobody would be left")
    with crm_app.app_context(), system_session("test") as session, refused, keeping_a_manager(session, emergency=False):
        assign(session, person(session, "sec"), "t_sec2")


def test_nobody_is_anonymous_again(secured: Run, crm_app: Flask) -> None:
    """Not when the last holder is gone by whatever way, nor when the role grants nothing any more."""
    with crm_app.app_context(), system_session("past the commands") as session:
        revoke(session, person(session, "sec"), "t_sec")
        session.execute(delete(Grant))
        session.commit()
    for line in CHANGES:
        assert secured(*line)["code"] == 2, line


def test_break_glass_leads_back_in_and_is_loud(secured: Run, crm_app: Flask) -> None:
    with crm_app.app_context(), system_session("past the commands") as session:
        revoke(session, person(session, "sec"), "t_sec")
        session.commit()
    line = ("assign", "sec2", "t_sec", "--break-glass", "--reason")
    assert secured(*line, "  ")["code"] == 2
    assert entries(crm_app, "permissions.break_glass") == []
    with structlog.testing.capture_logs() as logs:
        assert secured(*line, "谢红离职")["code"] == 0
    assert may(crm_app, "sec2", "permissions.roles.manage")
    (entry,) = entries(crm_app, "permissions.break_glass")
    account = f"cli:{getpass.getuser()}"
    assert (entry.user_id, entry.address, entry.reason) == (None, account, "谢红离职")
    assert entry.detail == {"command": "role assign", "by": account}
    assert [(e["event"], e["log_level"]) for e in logs if e["event"] == "break_glass"] == [("break_glass", "warning")]


def test_break_glass_lets_the_last_manager_go_and_records_who_failed(secured: Run, crm_app: Flask) -> None:
    assert secured("grant", "t_none", SEE, "--break-glass", "--reason", "try")["code"] == 1
    for line in (("user", "disable", "sec"), ("user", "enable", "sec"), ("unassign", "sec", "t_sec")):
        assert (
            secured(*line, "--break-glass", "--reason", "fire", "--by", "sec" if "disable" in line else "")["code"] == 0
        )
    told = entries(crm_app, "permissions.break_glass")
    assert [(e.detail or {})["command"] for e in told] == ["role grant", "user disable", "user enable", "role unassign"]
    assert not may(crm_app, "sec", "permissions.roles.manage")


def test_the_first_people_as_the_manual_has_it(run: Run, crm_app: Flask) -> None:
    """Word for word, in a database without roles."""
    manual = (Path(__file__).resolve().parents[3] / "docs" / "operations.md").read_text("utf-8")
    block = re.search(r"```\n(crm user create 0001.*?)```", manual, re.S)
    assert block
    for command in block[1].splitlines():
        _, *words = shlex.split(command, comments=True)
        assert run(*(words if words[0] == "user" else words[1:]))["code"] == 0, command
    assert may(crm_app, "0001", "permissions.users.manage")
    assert may(crm_app, "0002", "system.modules.switch") and may(crm_app, "0002", "core.recovery")
    assert run("user", "disable", "0001", "--reason", "x")["code"] == 2


def test_lines_for_people(secured: Run, crm_app: Flask) -> None:
    runner = crm_app.test_cli_runner()
    secured("grant", "t_rm", SEE, "--by", "sec")
    assert "t_rm  business  客户经理  1 grants" in runner.invoke(role, ["list"]).output
    assert f"allow {SEE} bank" in runner.invoke(role, ["show", "t_rm"]).output
    assert "sec" in runner.invoke(role, ["show", "t_sec"]).output
    assert "permissions.roles.manage  " in runner.invoke(role, ["actions"]).output
    assert runner.invoke(role, ["create", "t_y"]).exit_code == 2
