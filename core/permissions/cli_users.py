"""``crm user``: who can sign in, from the command line. Whoever changes it holds ``permissions.users.manage``.

Stands above :mod:`core.auth`, which keeps the users, because it asks who may.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.auth import passwords, users
from core.auth.models import User
from core.auth.state import moment, short_read, short_write, state
from core.orgs.models import Employee
from core.permissions import safeguards
from core.permissions.cli_kit import as_json_option, break_glass_option, by_option, fail, operator, say
from core.permissions.roles import USERS

user = AppGroup("user", help="Users who can sign in.")

_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up."
)


@contextmanager
def _change(as_json: bool, emergency: bool = False) -> Iterator[Session]:
    """A unit of work; what cannot be done is said and leaves nothing."""
    problem = ""
    try:
        with short_write() as session, safeguards.keeping_a_manager(session, emergency=emergency):
            yield session
    except (users.UserError, ValueError) as error:
        problem = str(error)
    if problem:
        fail(as_json, problem)


def _told(as_json: bool, values: dict[str, Any]) -> None:
    say(as_json, values, *(f"{key}: {value}" for key, value in values.items() if value is not None))


def _given(from_stdin: bool) -> tuple[str, str | None]:
    """The password to set, and the same again when it was made up and has to be told."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), None
    made = passwords.generate()
    return made, made


@user.command("create")
@click.argument("username")
@click.option("--employee", help="Employee number of the person.")
@_stdin
@by_option
@as_json_option
def create(username: str, employee: str | None, password_stdin: bool, by: str, as_json: bool) -> None:
    """Add a user; the first sign-in asks for a new password."""
    who = operator(as_json, by, USERS.name)
    given, told = _given(password_stdin)
    with _change(as_json) as session:
        users.check_policy(username, given)
        person = None if employee is None else _unclaimed(session, employee)
        made = users.create(session, username, given, hasher=state().hasher, at=moment(), employee_id=person, by=who)
        name = made.username
    _told(as_json, {"username": name, "password": told})


def _unclaimed(session: Session, number: str) -> int:
    """Key of the employee of that number, who has no user yet."""
    employee_id = session.scalar(select(Employee.id).where(Employee.number == number))
    if employee_id is None:
        raise users.UserError(f"no employee {number!r}")
    if session.scalar(select(User.id).where(User.employee_id == employee_id)) is not None:
        raise users.UserError(f"employee {number!r} has a user already")
    return employee_id


@user.command("disable")
@click.argument("username")
@click.option("--reason", required=True, help="Why; kept in the audit entries.")
@by_option
@break_glass_option
@as_json_option
def disable(username: str, reason: str, by: str, break_glass: bool, as_json: bool) -> None:
    """Switch a user off and end their sessions at once."""
    who = operator(as_json, by, USERS.name, emergency=reason if break_glass else None)
    with _change(as_json, break_glass) as session:
        ended = users.disable(session, username, at=moment(), by=who, reason=reason)
    _told(as_json, {"username": users.normal(username), "active": False, "sessions_ended": ended})


@user.command("enable")
@click.argument("username")
@click.option("--reason", default="", help="Why; kept in the audit entries.")
@by_option
@break_glass_option
@as_json_option
def enable(username: str, reason: str, by: str, break_glass: bool, as_json: bool) -> None:
    """Switch a user on again."""
    who = operator(as_json, by, USERS.name, emergency=reason if break_glass else None)
    with _change(as_json) as session:
        users.enable(session, username, by=who, reason=reason)
    _told(as_json, {"username": users.normal(username), "active": True})


@user.command("password")
@click.argument("username")
@_stdin
@by_option
@as_json_option
def password(username: str, password_stdin: bool, by: str, as_json: bool) -> None:
    """Give a user a new password, which the next sign-in asks to change; ends their sessions."""
    who = operator(as_json, by, USERS.name)
    given, told = _given(password_stdin)
    with _change(as_json) as session:
        found = users.need(session, username)
        users.set_password(session, found, given, hasher=state().hasher, at=moment(), must_change=True, by=who)
    _told(as_json, {"username": users.normal(username), "password": told})


@user.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """All users, with their state and employee number."""
    with short_read() as session:
        numbers: dict[int, str] = dict(iter(session.execute(select(Employee.id, Employee.number))))
        rows = [_shown(found, numbers) for found in users.listed(session)]
    lines = [f"{row['username']}  {'on' if row['active'] else 'off'}  {row['employee'] or '-'}" for row in rows]
    say(as_json, {"users": rows}, *lines)


def _shown(found: User, numbers: dict[int, str]) -> dict[str, Any]:
    return {
        "username": found.username,
        "active": found.active,
        "employee": numbers.get(found.employee_id or 0),
        "must_change_password": found.must_change_password,
        "signed_in_at": found.signed_in_at.isoformat() if found.signed_in_at else None,
    }
