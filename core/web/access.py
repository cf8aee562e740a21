"""What a route's mark says about who may open it, for menus and links. The decision itself is ``core.permissions``'."""

from __future__ import annotations

from flask import current_app

from core import permissions
from core.contract.protocols import runtime
from core.i18n import CORE, label


def action_of(endpoint: str) -> str | None:
    """The action a view requires, or None when it is public, for anybody signed in, or not marked."""
    mark = getattr(current_app.view_functions.get(endpoint), "crm_access", None)
    if mark is None:
        return None
    kind, value = mark if isinstance(mark, tuple) else (mark.kind, getattr(mark, "action", None))
    return str(value) if kind == "requires" and value else None


def may_open(endpoint: str) -> bool:
    """True when the view exists and the signed-in user holds its action."""
    if endpoint not in current_app.view_functions:
        return False
    action = action_of(endpoint)
    return action is None or permissions.can(action)


def action_label(action: str) -> str:
    """What an action is called on the screen; its name when nobody declared it."""
    for plugin, declared in runtime().registry.of("crm_permissions"):
        if declared.name == action:
            return label(plugin, declared.label)
    own = permissions.declared(action)
    return label(CORE, own.label) if own else action


def enter(action: str) -> None:
    """Go on with the rows of this action in reach. Raises ``permissions.Denied``."""
    permissions.enter(action)
