"""``crm user``: users from the command line, for set-up and for the day nobody can sign in."""

from __future__ import annotations

import functools
import getpass
import json
import sys
from collections.abc import Callable
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from core.auth import passwords, users
from core.auth.models import User
from core.auth.state import moment, short_read, short_write, state
from core.orgs.models import Employee

Command = Callable[..., dict[str, Any]]


@click.group()
def user() -> None:
    """Users who can sign in."""


def _answers(command: Command) -> Callable[..., None]:
    """Add ``--json``, print what the command returns, and turn a refusal into exit code 1."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @with_appcontext
    @functools.wraps(command)
    def run(as_json: bool, **values: Any) -> None:
        try:
            answer = command(**values)
        except users.UserError as error:
            if as_json:
                click.echo(json.dumps({"error": str(error)}, ensure_ascii=False))
            else:
                click.echo(f"crm user: {error}", err=True)
            sys.exit(1)
        click.echo(json.dumps(answer, ensure_ascii=False) if as_json else _plain(answer))

    return run


def _plain(answer: dict[str, Any]) -> str:
    rows = answer.get("users")
    if rows is None:
        return "\n".join(f"{key}: {value}" for key, value in answer.items() if value is not None)
    return "\n".join(f"{row['username']}  {'on' if row['active'] else 'off'}  {row['employee'] or '-'}" for row in rows)


def _operator() -> str:
    return f"cli:{getpass.getuser()}"


def _given(from_stdin: bool, username: str) -> tuple[str, str | None]:
    """The password to set, and the same again when it was made up and has to be told."""
    if not from_stdin:
        made = passwords.generate()
        return made, made
    given = sys.stdin.readline().rstrip("\r\n")
    users.check_policy(username, given)
    return given, None


@user.command("create")
@click.argument("username")
@click.option("--employee", help="Employee number of the person.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up.")
@_answers
def create(username: str, employee: str | None, password_stdin: bool) -> dict[str, Any]:
    """Add a user; the first sign-in asks for a new password."""
    given, told = _given(password_stdin, username)
    with short_write() as session:
        employee_id = None
        if employee is not None:
            employee_id = session.scalar(select(Employee.id).where(Employee.number == employee))
            if employee_id is None:
                raise users.UserError(f"no employee {employee!r}")
            if session.scalar(select(User.id).where(User.employee_id == employee_id)) is not None:
                raise users.UserError(f"employee {employee!r} has a user already")
        made = users.create(
            session, username, given, hasher=state().hasher, at=moment(), employee_id=employee_id, by=_operator()
        )
        name = made.username
    return {"username": name, "password": told}


@user.command("disable")
@click.argument("username")
@click.option("--reason", required=True, help="Why; kept in the audit entries.")
@_answers
def disable(username: str, reason: str) -> dict[str, Any]:
    """Switch a user off and end their sessions at once."""
    with short_write() as session:
        ended = users.disable(session, username, at=moment(), by=_operator(), reason=reason)
    return {"username": users.normal(username), "active": False, "sessions_ended": ended}


@user.command("enable")
@click.argument("username")
@click.option("--reason", default="", help="Why; kept in the audit entries.")
@_answers
def enable(username: str, reason: str) -> dict[str, Any]:
    """Switch a user on again."""
    with short_write() as session:
        users.enable(session, username, by=_operator(), reason=reason)
    return {"username": users.normal(username), "active": True}


@user.command("password")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up.")
@_answers
def password(username: str, password_stdin: bool) -> dict[str, Any]:
    """Give a user a new password, which the next sign-in asks to change; ends their sessions."""
    given, told = _given(password_stdin, username)
    with short_write() as session:
        found = users.need(session, username)
        users.set_password(session, found, given, hasher=state().hasher, at=moment(), must_change=True, by=_operator())
    return {"username": users.normal(username), "password": told}


@user.command("list")
@_answers
def list_() -> dict[str, Any]:
    """All users, with their state and employee number."""
    with short_read() as session:
        numbers: dict[int, str] = dict(iter(session.execute(select(Employee.id, Employee.number))))
        rows = [
            {
                "username": found.username,
                "active": found.active,
                "employee": numbers.get(found.employee_id or 0),
                "must_change_password": found.must_change_password,
                "signed_in_at": found.signed_in_at.isoformat() if found.signed_in_at else None,
            }
            for found in users.listed(session)
        ]
    return {"users": rows}
