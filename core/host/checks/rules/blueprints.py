"""Pages live under ``/<plugin>`` in blueprints named after the plugin."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.routes import blueprints
from core.host.checks.source import Plugin

CODE = "CRM004"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Made by ``core.sdk.web.blueprint``, which sets name, prefix and static folder."""
    for made in blueprints(plugin):
        where = made.module.at(made.call)
        if not made.by_sdk:
            cure = f'core.sdk.web.blueprint("{plugin.name}", __name__)'
            yield Finding(CODE, f"a bare Blueprint can take any URL; make it with {cure}", where)
        elif made.name and made.name != plugin.name and not made.name.startswith(f"{plugin.name}_"):
            yield Finding(CODE, f'blueprint {made.name!r}: its first argument is "{plugin.name}"', where)
        for keyword in made.call.keywords:
            if keyword.arg in {"url_prefix", "subdomain", "static_url_path", "root_path"}:
                yield Finding(CODE, f"leave out {keyword.arg}: the plugin's pages stand under /{plugin.name}", where)
