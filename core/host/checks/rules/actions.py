"""Actions are declared and labelled; routes and panels name only declared ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import UNKNOWN, Module, Plugin
from core.host.checks.things import things

CODE = "CRM006"


def check(plugin: Plugin) -> Iterator[Finding]:
    """An action nobody declared can be granted to nobody, so its page would be closed to all."""
    declared: set[str] = set()
    complete = True
    for action in things(plugin, "Action"):
        name, label = action.value("name"), action.value("label")
        complete = complete and isinstance(name, str)
        declared.add(str(name))
        if isinstance(label, str) and (not label.strip() or label == name):
            yield Finding(CODE, f"action {name!r} has no label; say in English what it lets people do", action.at)
    if not complete:
        return  # names made at run time: PluginContract looks at those
    for name, module, node in _used(plugin):
        owner = name.partition(".")[0]
        if name not in declared and owner not in plugin.requires and not (owner == "core" and "." in name):
            cure = f'Action({name!r}, "…") in crm_permissions'
            yield Finding(CODE, f"action {name!r} is not declared; add {cure}, or correct the name", module.at(node))


def _used(plugin: Plugin) -> Iterator[tuple[str, Module, ast.AST]]:
    for module, call in plugin.each_call():
        name = module.name_of(call.func)
        if name in {"core.sdk.web.requires", "core.sdk.security.acting", "core.sdk.security.can"} and call.args:
            yield from _known(module, call.args[0])
    for panel in things(plugin, "Panel"):
        if "action" in panel.arguments:
            yield from _known(panel.module, panel.arguments["action"])


def _known(module: Module, node: ast.expr) -> Iterator[tuple[str, Module, ast.AST]]:
    value = module.value(node)
    if value is not UNKNOWN and isinstance(value, str):
        yield value, module, node
