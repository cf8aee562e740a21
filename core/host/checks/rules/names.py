"""Whatever a plugin registers begins with its own name, so that two plugins cannot clash."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin
from core.host.checks.things import things

CODE = "CRM002"
NAMED = {
    "Action": "name",
    "MenuItem": "id",
    "Panel": "id",
    "Job": "name",
    "Parameter": "name",
    "Feed": "name",
    "Dataset": "name",
    "CodeTable": "name",
    "EventType": "name",
    "HealthCheck": "name",
    "Seed": "name",
    "Service": "contract",
    "ScopeProvider": "subject",
}


def check(plugin: Plugin) -> Iterator[Finding]:
    """``<plugin>.something`` everywhere; a menu group of its own may be called like the plugin."""
    for thing in things(plugin, *NAMED):
        name = thing.value(NAMED[thing.kind])
        if not isinstance(name, str) or name.startswith(f"{plugin.name}."):
            continue
        if thing.kind != "MenuItem" or name != plugin.name:
            yield Finding(CODE, f'{thing.kind} {name!r}: begin its name with "{plugin.name}."', thing.at)
