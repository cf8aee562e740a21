"""How the commands of ``crm plugin`` speak: one JSON object or lines, and exit codes.

0 done, 1 failed, 2 wrong use, 3 held or waiting for approval.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

import click
from flask import current_app
from sqlalchemy import select

from core.auth.models import User
from core.db.session import system_session
from core.host import Host

F = TypeVar("F", bound=Callable[..., Any])
FAILED, WRONG_USE, WAITING = 1, 2, 3


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


def by_option(required: bool) -> Callable[[F], F]:
    """``--by``: user name of the person who does it, as the audit trail will show it."""
    return click.option("--by", required=required, default=None if required else "", help="Your user name.")


def host() -> Host:
    """The plugin host of the current app."""
    return cast(Host, current_app.extensions["crm.host"])


def known(command: F) -> F:
    """For commands that take a plugin's name: an unknown one is wrong use."""

    @wraps(command)
    def run(name: str, *args: Any, as_json: bool, **values: Any) -> Any:
        names = [status.name for status in host().plugins()]
        if name not in names:
            fail(as_json, f"no plugin {name!r}; there are {', '.join(names)}", WRONG_USE)
        return command(name, *args, as_json=as_json, **values)

    return cast(F, run)


def person(as_json: bool, name: str) -> str:
    """The active user of that name; anybody else is wrong use."""
    with system_session("command line: who is it") as session:
        found = session.scalar(select(User.username).where(User.username == name.strip().lower(), User.active))
    if found is None:
        fail(as_json, f"no active user {name!r}", WRONG_USE)
    return found
