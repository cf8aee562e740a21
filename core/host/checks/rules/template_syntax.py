"""Templates parse, and extend only what they may count on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, nodes

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM009"
_ENVIRONMENT = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True)


def check(plugin: Plugin) -> Iterator[Finding]:
    """Each file under ``templates/`` is valid Jinja and refers to ``ui/``, own, or required plugins' templates."""
    for path in plugin.templates:
        try:
            tree = _ENVIRONMENT.parse(path.read_text("utf-8"))
        except UnicodeDecodeError:
            yield Finding(CODE, "not UTF-8; save it as UTF-8", plugin.relative(path))
        except TemplateSyntaxError as error:
            yield Finding(CODE, f"does not parse: {error.message}", f"{plugin.relative(path)}:{error.lineno}")
        else:
            yield from _references(plugin, path, tree)


def _references(plugin: Plugin, path: Path, tree: nodes.Template) -> Iterator[Finding]:
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        name = getattr(node, "template", None)
        if not isinstance(name, nodes.Const) or not isinstance(name.value, str):
            continue
        owner = name.value.removeprefix("core:").partition("/")[0]
        if owner not in {"ui", plugin.name, *plugin.requires}:
            allowed = f"ui/, {plugin.name}/ or a required plugin's"
            yield Finding(
                CODE, f"refers to {name.value!r}; only templates of {allowed}", f"{plugin.relative(path)}:{node.lineno}"
            )
