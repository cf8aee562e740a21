"""Blueprints and views, as far as they can be read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from core.host.checks.source import UNKNOWN, Module, Plugin

VERBS = {"route", "get", "post", "put", "patch", "delete"}
ACCESS = {"requires", "public", "signed_in"}


@dataclass(frozen=True)
class BlueprintCall:
    """``bp = blueprint("loans", __name__)``: its name as Flask will know it, '' when that takes running."""

    module: Module
    call: ast.Call
    variable: str
    name: str
    by_sdk: bool


@dataclass(frozen=True)
class View:
    """A function with a route. ``access`` are its access decorators that stand below the route."""

    module: Module
    function: ast.FunctionDef | ast.AsyncFunctionDef
    endpoint: str
    access: list[ast.Call]
    above: list[ast.Call]


def blueprints(plugin: Plugin) -> Iterator[BlueprintCall]:
    """Every blueprint made in the plugin's files."""
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                target = node.targets[0]
                made = _made(module, node.value, target.id if isinstance(target, ast.Name) else "")
                if made:
                    yield made


def _made(module: Module, call: ast.Call, variable: str) -> BlueprintCall | None:
    maker = module.name_of(call.func)
    if maker not in {"core.sdk.web.blueprint", "flask.Blueprint", "flask.blueprints.Blueprint"}:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    by_sdk = maker.startswith("core.")
    first = module.value(call.args[0] if call.args else given.get("plugin" if by_sdk else "name"))
    part = module.value(call.args[2] if by_sdk and len(call.args) > 2 else given.get("part")) if by_sdk else None
    name = "" if UNKNOWN in (first, part) or not first else f"{first}_{part}" if part else str(first)
    return BlueprintCall(module, call, variable, name, by_sdk)


def views(plugin: Plugin) -> Iterator[View]:
    """Every function with a route decorator."""
    names = {f"{made.module.dotted}.{made.variable}": made.name for made in blueprints(plugin)}
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                view = _view(plugin, module, node, names)
                if view:
                    yield view


def _view(
    plugin: Plugin, module: Module, function: ast.FunctionDef | ast.AsyncFunctionDef, names: dict[str, str]
) -> View | None:
    endpoint, last = "", -1
    for index, decorator in enumerate(function.decorator_list):
        if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
            continue
        if decorator.func.attr in VERBS:
            last = index
            own = {keyword.arg: keyword.value for keyword in decorator.keywords}.get("endpoint")
            variable = plugin.canonical(module.name_of(decorator.func.value))
            endpoint = f"{names.get(variable, '')}.{module.value(own) if own else function.name}"
    if last < 0:
        return None
    below = [d for d in function.decorator_list[last + 1 :] if _is_access(module, d)]
    above = [d for d in function.decorator_list[:last] if _is_access(module, d)]
    return View(
        module,
        function,
        endpoint,
        [d for d in below if isinstance(d, ast.Call)],
        [d for d in above if isinstance(d, ast.Call)],
    )


def _is_access(module: Module, decorator: ast.expr) -> bool:
    name = module.name_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
    return name.startswith("core.") and name.rpartition(".")[2] in ACCESS
