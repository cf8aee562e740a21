"""Templates and static files stand in a folder called like the plugin, so that none hides another's."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin
from core.host.checks.things import things

CODE = "CRM008"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Files in ``templates/<plugin>/`` and ``static/<plugin>/``; what is rendered exists there."""
    for top in ("templates", "static"):
        for path in sorted((plugin.folder / top).rglob("*")):
            if path.is_file() and path.relative_to(plugin.folder / top).parts[0] != plugin.name:
                yield Finding(CODE, f"move it into {top}/{plugin.name}/", plugin.relative(path))
    for module, call in plugin.each_call():
        if module.name_of(call.func) == "core.sdk.web.render" and call.args:
            yield from _template(plugin, module.value(call.args[0]), module.at(call))
        elif module.name_of(call.func) in {"flask.render_template", "flask.render_template_string"}:
            yield Finding(CODE, "render with core.sdk.web.render, which knows the theme and fragments", module.at(call))
    for panel in things(plugin, "Panel"):
        yield from _template(plugin, panel.value("template"), panel.at)


def _template(plugin: Plugin, name: object, where: str) -> Iterator[Finding]:
    if not isinstance(name, str):
        return
    if not name.startswith(f"{plugin.name}/"):
        yield Finding(CODE, f'template {name!r} is not this plugin\'s; its own begin with "{plugin.name}/"', where)
    elif not (plugin.folder / "templates" / name).is_file():
        yield Finding(CODE, f"template {name!r} does not exist; add templates/{name}", where)
