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
import structlog
from sqlalchemy import select

from core.auth.models import User
from core.auth.users import normal
from core.db.session import system_session
from core.monitoring import audit, context
from core.permissions import safeguards
from core.permissions.decisions import decide

log = structlog.get_logger(__name__)

F = TypeVar("F", bound=Callable[..., Any])
FAILED, WRONG_USE, WAITING = 1, 2, 3

__all__ = [
    "FAILED",
    "WAITING",
    "WRONG_USE",
    "as_json_option",
    "break_glass_option",
    "by_option",
    "fail",
    "jsonable",
    "operator",
    "say",
]


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


def break_glass_option(command: F) -> F:
    """``--break-glass``: act although nobody is named or nobody is left; goes with ``--reason`` and is recorded."""
    told = "For emergencies: act without --by, or leave nobody who manages roles. Needs --reason; recorded and logged."
    return click.option("--break-glass", is_flag=True, help=told)(command)


def by_option(command: F) -> F:
    """``--by``: user name of the person who does it, as the audit trail will show it."""
    return click.option("--by", default="", help="Your user name; may be left out until anybody is given the right.")(
        command
    )


# -- who runs it -------------------------------------------------------------------------------------------------------


def operator(as_json: bool, by: str, *actions: str, emergency: str | None = None) -> str:
    """Who runs this command; ends it unless that person holds one of ``actions``.

    From here on audit entries carry the person, and the account of the operating system as their address. Nobody need
    be named until anybody has been given one of the actions: a new database has no users, and somebody has to make the
    first. That way in is closed for good by the first holder, whatever becomes of them.

    Args:
        by: a user name as given with ``--by``, or "".
        actions: any of them is enough.
        emergency: the reason given with ``--break-glass``, which also needs no ``by``; None without that flag.

    Returns:
        The user name, or ``cli:`` and the account of the operating system.
    """
    account = f"cli:{getpass.getuser()}"[:45]
    user_id, name = (_person(as_json, by, actions), normal(by)) if by else (None, account)
    if emergency is not None and not emergency.strip():
        fail(as_json, "--break-glass needs a --reason", WRONG_USE)
    if not by and emergency is None and _anybody_ever_held(actions):
        fail(as_json, f"say who you are: --by with a user who holds {' or '.join(actions)}", WRONG_USE)
    click.get_current_context().with_resource(context.acting_as(user_id=user_id, address=account))
    if emergency is not None:
        _break_glass(name, account, emergency)
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


def _anybody_ever_held(actions: tuple[str, ...]) -> bool:
    with system_session("command line: did anybody ever hold it") as session:
        return any(safeguards.ever_held(session, action) for action in actions)


def _break_glass(name: str, account: str, reason: str) -> None:
    """Recorded by itself, before anything is done: an attempt that fails is worth knowing of as well."""
    command = click.get_current_context().command_path
    with system_session("command line: break glass") as session:
        detail = {"command": command, "by": name}
        audit.record(session, "permissions.break_glass", subject="core.command", detail=detail, reason=reason)
        session.commit()
    log.warning("break_glass", command=command, by=name, account=account)
