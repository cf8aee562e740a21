"""Hook implementations implement hooks that exist, with arguments those hooks pass."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator

from core.contract import hookspecs
from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM024"
_MARK = "core.sdk.hooks.hookimpl"
CORE_HOOKS = {
    name: set(inspect.signature(function).parameters)
    for name, function in vars(hookspecs).items()
    if name.startswith("crm_") and inspect.isfunction(function)
}


def check(plugin: Plugin) -> Iterator[Finding]:
    """``crm_…`` hooks by name and argument; others begin with a plugin named in requires or extends."""
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef) and any(_marked(module, d) for d in node.decorator_list):
                yield from _hook(plugin, module, node)


def _marked(module: Module, node: ast.expr) -> bool:
    return module.name_of(node.func if isinstance(node, ast.Call) else node) == _MARK


def _hook(plugin: Plugin, module: Module, node: ast.FunctionDef) -> Iterator[Finding]:
    where, name = module.at(node), node.name
    if plugin.relative(module.path) != "plugin.py":
        yield Finding(CODE, f"{name}: hook implementations are only found in plugin.py; move it there", where)
    if name.startswith("crm_"):
        if name not in CORE_HOOKS:
            yield Finding(CODE, f"the core has no hook {name}; docs/hooks.md lists them", where)
            return
        unknown = {argument.arg for argument in node.args.args} - CORE_HOOKS[name]
        if unknown:
            passed = ", ".join(sorted(CORE_HOOKS[name])) or "nothing"
            yield Finding(CODE, f"{name} is not passed {', '.join(sorted(unknown))}; it is passed {passed}", where)
        if name == "crm_decide" and not plugin.manifest.get("votes_on"):
            yield Finding(CODE, "crm_decide votes on nothing; name its actions as votes_on in plugin.toml", where)
        return
    given = plugin.manifest.get("extends")
    known = [plugin.name, *plugin.requires, *(given if isinstance(given, list) else [])]
    if not name.startswith(tuple(f"{other}_" for other in known)):
        yield Finding(CODE, f"{name} belongs to no plugin named in requires or extends; name its plugin there", where)
