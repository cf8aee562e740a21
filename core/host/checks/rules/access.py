"""Every route names the action it needs, or says why it needs none."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.routes import views
from core.host.checks.source import Plugin

CODE = "CRM005"


def check(plugin: Plugin) -> Iterator[Finding]:
    """One of requires, signed_in, public; below the route, where it guards what the route calls."""
    for view in views(plugin):
        where, name = view.module.at(view.function), view.function.name
        if view.above:
            message = f"{name}: the access decorator stands above the route and guards nothing; move it below"
            yield Finding(CODE, message, where)
        elif not view.access:
            cure = f'@requires("{plugin.name}.….view"), @signed_in("why") or @public("why")'
            yield Finding(CODE, f"{name} names no action; put {cure} below its route", where)
        elif len(view.access) > 1:
            yield Finding(CODE, f"{name} has {len(view.access)} access decorators; keep the strictest", where)
        for call in view.access:
            if not call.args or not str(view.module.value(call.args[0])).strip():
                yield Finding(CODE, f"{name}: its access decorator is empty; name the action or the reason", where)
    for module, call in plugin.each_call():
        if getattr(call.func, "attr", "") == "add_url_rule":
            yield Finding(CODE, "add_url_rule hides the view's action; use a route decorator", module.at(call))
