"""What the commands of ``crm plugin`` share: the host, a plugin's name, and which actions a person needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app

from core.host import Host
from core.host.kinds import APPROVE
from core.permissions.cli_kit import WRONG_USE, fail, operator

F = TypeVar("F", bound=Callable[..., Any])

SWITCH = ("system.modules.switch", "core.recovery")
"""What the modules page asks for; and, as that page may itself be off, what the recovery page asks for."""


def switcher(as_json: bool, by: str) -> str:
    """Who switches or asks to purge; ends the command unless they may."""
    return operator(as_json, by, *SWITCH)


def approver(as_json: bool, by: str) -> str:
    """Who decides about a purge; ends the command unless they may."""
    return operator(as_json, by, APPROVE.name)


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
