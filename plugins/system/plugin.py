"""Hook implementations of system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.sdk.hooks import Action, MenuItem, hookimpl

if TYPE_CHECKING:
    from flask import Blueprint


@hookimpl
def crm_permissions() -> Iterable[Action]:
    """What roles can grant."""
    from plugins.system.permissions import ACTIONS

    return ACTIONS


@hookimpl
def crm_blueprints() -> Iterable[Blueprint]:
    """Pages."""
    from plugins.system.views import bp

    return [bp]


@hookimpl
def crm_menus() -> Iterable[MenuItem]:
    """Menu."""
    from plugins.system.menus import MENUS

    return MENUS
