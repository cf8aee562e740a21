"""Menu lines lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.routes import blueprints, views
from core.host.checks.source import Plugin
from core.host.checks.things import things

CODE = "CRM007"


def check(plugin: Plugin) -> Iterator[Finding]:
    """The endpoint of each menu item is a view of this plugin."""
    if not all(made.name for made in blueprints(plugin)):
        return  # names made at run time: PluginContract looks at those
    endpoints = {view.endpoint for view in views(plugin)}
    for item in things(plugin, "MenuItem"):
        endpoint = item.value("endpoint")
        if isinstance(endpoint, str) and endpoint not in endpoints:
            known = ", ".join(sorted(endpoints)) or "none"
            yield Finding(CODE, f"menu endpoint {endpoint!r} does not exist; this plugin has: {known}", item.at)
