"""How commands speak: one JSON object or lines, exit codes, and who it is that runs them.

0 done, 1 failed, 2 wrong use, 3 held or waiting for approval.
"""

from __future__ import annotations

import dataclasses
import getpass
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import click
from sqlalchemy import select

from core.auth.models import User
from core.auth.users import normal
from core.db.session import system_session
from core.monitoring import context
from core.permissions.decisions import decide
from core.permissions.models import Effect, Grant, UserRole
from core.permissions.roles import covers

F = TypeVar("F", bound=Callable[..., Any])
FAILED, WRONG_USE, WAITING = 1, 2, 3

__all__ = ["FAILED", "WAITING", "WRONG_USE", "as_json_option", "by_option", "fail", "jsonable", "operator", "say"]


def say(as_json: bool, values: Mapping[str, Any], *lines: str, code: int = 0) -> None:
    """End of a command: one JSON object, or lines for people. ``code`` other than 0 ends the process with it."""
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False, default=jsonable))
    else:
        for line in lines:
            click.echo(line)
    if code:
        click.get_current_context().exit(code)


def fail(as_json: bool, reason: str, code: int = FAILED, **more: Any) -> NoReturn:
    """Say why not, and end."""
    if as_json:
        say(True, {"error": reason, **more})
    else:
        click.echo(f"crm: {reason}", err=True)
    click.get_current_context().exit(code)


def jsonable(value: Any) -> Any:
    """Dataclasses and mappings as plain dicts, anything else as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def as_json_option(command: F) -> F:
    """``--json``: print one JSON object and nothing else."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def by_option(command: F) -> F:
    """``--by``: user name of the person who does it, as the audit trail will show it."""
    return click.option("--by", default="", help="Your user name; may be left out while nobody may do this.")(command)


# -- who runs it -------------------------------------------------------------------------------------------------------


def operator(as_json: bool, by: str, *actions: str) -> str:
    """Who runs this command; ends it unless that person holds one of ``actions``.

    From here on audit entries carry the person, and the account of the operating system as their address. Nobody need
    be named while nobody holds any of the actions: a new database has no users, and somebody has to make the first.

    Args:
        by: a user name as given with ``--by``, or "".
        actions: any of them is enough.

    Returns:
        The user name, or ``cli:`` and the account of the operating system.
    """
    account = f"cli:{getpass.getuser()}"[:45]
    user_id, name = (_person(as_json, by, actions), normal(by)) if by else (None, account)
    if not by and _anybody_holds(actions):
        fail(as_json, f"say who you are: --by with a user who holds {' or '.join(actions)}", WRONG_USE)
    click.get_current_context().with_resource(context.acting_as(user_id=user_id, address=account))
    return name


def _person(as_json: bool, by: str, actions: tuple[str, ...]) -> int:
    with system_session("command line: who is it") as session:
        user_id = session.scalar(select(User.id).where(User.username == normal(by), User.active))
    if user_id is None:
        fail(as_json, f"no active user {by!r}", WRONG_USE)
    verdicts = [decide(user_id, action) for action in actions]
    if not any(verdict.allowed for verdict in verdicts):
        why = " ".join(dict.fromkeys(reason for verdict in verdicts for reason in verdict.reasons))
        fail(as_json, f"{by} may not do this, which needs {' or '.join(actions)}: {why}")
    return int(user_id)


def _anybody_holds(actions: tuple[str, ...]) -> bool:
    """Asked of the few whose roles speak of the actions, not of every user."""
    with system_session("command line: does anybody hold it") as session:
        held = session.execute(
            select(UserRole.user_id, Grant.action)
            .join(Grant, Grant.role_id == UserRole.role_id)
            .where(Grant.effect == Effect.ALLOW.value)
            .distinct()
        ).all()
    people = {user_id for user_id, granted in held if any(covers(granted, action) for action in actions)}
    return any(decide(user_id, action).allowed for user_id in sorted(people) for action in actions)
