"""Modules that are off, as far as they concern people who may use them. To anybody else they do not exist."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from core import permissions
from core.auth import gate
from core.contract.protocols import runtime
from core.i18n import label
from core.web import access, shell


def titles() -> list[str]:
    """Titles of the modules that are off and have a page the signed-in user's roles speak for, in order."""
    found = {owner for endpoint in current_app.view_functions if (owner := _owner(endpoint)) and _usable(endpoint)}
    return sorted(label(name, shell.plugin_title(name)) for name in found)


def title_here() -> str:
    """Title of the module that is off and whose page this request asks for; "" for those who may not use that page."""
    if request.endpoint is not None or not shell.signed_in():
        return ""
    try:
        endpoint, _values = current_app.url_map.bind_to_environ(request.environ).match()
    except HTTPException:
        return ""
    owner = _owner(endpoint)
    return label(owner, shell.plugin_title(owner)) if owner and _usable(endpoint) else ""


def keep_form() -> bool:
    """Keep what was sent to such a page, for when it is back. False when there is nothing, or another site sent it."""
    try:
        return gate.keep_typed(int(current_user.id))
    except CSRFError:
        return False


def _owner(endpoint: str) -> str:
    """The module behind a view, when that is off; "" otherwise."""
    owners: dict[str, Any] = getattr(current_app.extensions.get("crm.host"), "blueprint_owners", {})
    owner = str(owners.get(endpoint.partition(".")[0], ""))
    return "" if owner in runtime().snapshot().enabled else owner


def _usable(endpoint: str) -> bool:
    action = access.action_of(endpoint)
    return action is not None and permissions.speaks_for(int(current_user.id), action)
