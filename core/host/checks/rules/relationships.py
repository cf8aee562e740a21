"""Relationships to another plugin's class are one-way and name the class object.

Anything else reaches into the other's mapper, and then this plugin's failure breaks the other's queries.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM014"
_BACK = {"backref", "back_populates"}
_MAPPED = {"relationship", "column_property", "hybrid_property", "synonym", "composite", "association_proxy"}


def check(plugin: Plugin) -> Iterator[Finding]:
    """No backref, no back_populates and no attribute set on a class of the core or of another plugin."""
    own = {n.name for m in plugin.modules for n in m.nodes if isinstance(n, ast.ClassDef)}
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.Call) and module.name_of(node.func).endswith(".relationship"):
                yield from _relationship(plugin, module, node, own)
            elif isinstance(node, ast.Assign):
                yield from _set(plugin, module, node)
            elif isinstance(node, ast.Call):
                yield from _added(plugin, module, node)


def _relationship(plugin: Plugin, module: Module, call: ast.Call, own: set[str]) -> Iterator[Finding]:
    target = call.args[0] if call.args else _annotated(module, call)
    if isinstance(target, ast.Lambda):
        target = target.body
    if isinstance(target, ast.Constant) and isinstance(target.value, str):
        if target.value.rpartition(".")[2] not in own:
            message = f"relationship to {target.value!r} by name; import the class and name it"
            yield Finding(CODE, message, module.at(call))
        return
    if target is not None and _foreign(plugin, module, target):
        for keyword in call.keywords:
            if keyword.arg in _BACK:
                yield Finding(
                    CODE, f"{keyword.arg} onto another's class; leave it out and query the other way", module.at(call)
                )


def _annotated(module: Module, call: ast.Call) -> ast.expr | None:
    """``party: Mapped[Party | None] = relationship(…)``: the class in the annotation."""
    for node in module.nodes:
        if isinstance(node, ast.AnnAssign) and node.value is call:
            names = [n for n in ast.walk(node.annotation) if isinstance(n, ast.Name | ast.Attribute)]
            wrappers = {"Mapped", "list", "List", "set", "Optional", "DynamicMapped", "WriteOnlyMapped"}
            return next((n for n in names if module.name_of(n).rpartition(".")[2] not in wrappers), None)
    return None


def _foreign(plugin: Plugin, module: Module, node: ast.expr) -> bool:
    name = module.name_of(node)
    return name.startswith(("plugins.", "core.")) and not plugin.owns(name)


def _set(plugin: Plugin, module: Module, node: ast.Assign) -> Iterator[Finding]:
    for target in node.targets:
        if isinstance(target, ast.Attribute) and _foreign(plugin, module, target.value):
            message = f"sets {target.attr} on another's class; keep it in a table of this plugin"
            yield Finding(CODE, message, module.at(node))


def _added(plugin: Plugin, module: Module, call: ast.Call) -> Iterator[Finding]:
    if module.name_of(call.func).endswith(".setattr") and call.args and _foreign(plugin, module, call.args[0]):
        yield Finding(CODE, "sets an attribute on another's class; keep it in a table of this plugin", module.at(call))
    elif getattr(call.func, "attr", "") in {"add_property", "add_properties"}:
        yield Finding(CODE, "adds to a mapper at run time; declare it in the class", module.at(call))
