"""``crm user``."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from core.auth import users
from core.auth.state import short_read, short_write, state
from core.monitoring.models import AuditEntry
from core.orgs import staff, tree
from core.orgs.models import Level
from core.permissions.cli_users import user


@pytest.fixture
def run(app: Flask) -> Any:
    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return app.test_cli_runner().invoke(user, list(arguments), input=stdin)

    return invoke


def verify(app: Flask, username: str, password: str) -> bool:
    with app.app_context(), short_read() as session:
        return state().hasher.verify(users.need(session, username).password_hash, password)


def test_create_makes_a_password_up(app: Flask, run: Any) -> None:
    made = json.loads(run("create", "Carl", "--json").output)
    assert made["username"] == "carl"
    assert verify(app, "carl", made["password"])
    with app.app_context(), short_read() as session:
        assert users.need(session, "carl").must_change_password


def test_create_for_an_employee(app: Flask, run: Any) -> None:
    with app.app_context(), short_write() as session:
        head = tree.create(session, "0000", "总行", Level.HEAD, on=date(2020, 1, 1))
        staff.hire(session, "e7", "王海峰", head, title="经理", on=date(2020, 1, 1))
    assert run("create", "e7", "--employee", "e7").exit_code == 0
    assert "e7" in run("list").output
    assert run("create", "other", "--employee", "e7").exit_code == 1
    missing = run("create", "other", "--employee", "none", "--json")
    assert (missing.exit_code, json.loads(missing.output)["error"]) == (1, "no employee 'none'")


def test_given_password_is_held_to_the_policy(app: Flask, run: Any) -> None:
    assert run("create", "carl", "--password-stdin", stdin="weak\n").exit_code == 1
    told = run("create", "carl", "--password-stdin", stdin="Harbour-77\n")
    assert told.exit_code == 0
    assert "Harbour" not in told.output
    assert verify(app, "carl", "Harbour-77")


def test_password_ends_sessions(app: Flask, run: Any, enter: Any) -> None:
    client = enter()
    given = json.loads(run("password", "anna", "--json").output)["password"]
    assert verify(app, "anna", given)
    assert client.get("/inside").status_code == 302


def test_disable_and_enable(app: Flask, run: Any, enter: Any) -> None:
    enter()
    assert json.loads(run("disable", "anna", "--reason", "left", "--json").output)["sessions_ended"] == 1
    listed = {u["username"]: u for u in json.loads(run("list", "--json").output)["users"]}
    assert listed["anna"]["active"] is False
    assert listed["anna"]["signed_in_at"]
    assert run("enable", "anna").exit_code == 0
    enter()


def test_entries_have_the_account_as_their_address(app: Flask, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "office-a")
    for line in (("create", "carl"), ("disable", "carl", "--reason", "x"), ("enable", "carl"), ("password", "carl")):
        assert run(*line).exit_code == 0
    with app.app_context(), short_read() as session:
        entries = session.execute(select(AuditEntry.address, AuditEntry.detail).order_by(AuditEntry.id)).all()
    assert entries[-4:] == [("cli:office-a", {"by": "cli:office-a"})] * 4


def test_wrong_use_and_unknown_users(run: Any) -> None:
    assert run("disable", "anna").exit_code == 2
    answer = run("disable", "nobody", "--reason", "x")
    assert answer.exit_code == 1
    assert run("enable", "nobody").exit_code == 1
    assert run("password", "nobody").exit_code == 1
