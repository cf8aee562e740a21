"""The plugin host as the system module sees it. Switching needs the action of the route that calls it."""

from __future__ import annotations

from flask import current_app

from core.host import Host, PluginStatus, SwitchPlan, SwitchRefused

__all__ = ["PluginStatus", "SwitchPlan", "SwitchRefused", "disable", "enable", "plan", "plugins"]


def _host() -> Host:
    host: Host = current_app.extensions["crm.host"]
    return host


def plugins() -> list[PluginStatus]:
    """Every plugin found, in dependency order, broken ones with their reason."""
    return _host().plugins()


def plan(name: str, to: str) -> SwitchPlan:
    """What switching ``name`` to ``enable`` or ``disable`` would do. KeyError for an unknown plugin."""
    return _host().plan(name, to)


def enable(name: str, by: str, reason: str) -> None:
    """Run its migrations and switch it on for every worker's next request. Raises ``SwitchRefused`` with the reason."""
    _host().enable(name, by, reason)


def disable(name: str, by: str, reason: str) -> None:
    """Switch it off for every worker's next request; its data stays. Raises ``SwitchRefused`` with the reason."""
    _host().disable(name, by, reason)
