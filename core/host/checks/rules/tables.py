"""Tables begin with the plugin's name and are built on its own base."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import UNKNOWN, Module, Plugin

CODE = "CRM003"


def check(plugin: Plugin) -> Iterator[Finding]:
    """``__tablename__`` is a literal with the prefix; no ``Table`` objects, no foreign base."""
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                yield from _model(plugin, module, node)
        for call in module.calls:
            yield from _call(plugin, module, call)


def _model(plugin: Plugin, module: Module, node: ast.ClassDef) -> Iterator[Finding]:
    for line in node.body:
        targets = line.targets if isinstance(line, ast.Assign) else []
        if isinstance(line, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__tablename__" for t in targets):
            name = module.value(line.value)
            if name is UNKNOWN:
                yield Finding(CODE, f"{node.name}: write __tablename__ as a literal", module.at(line))
            elif not str(name).startswith(f"{plugin.name}_"):
                yield Finding(CODE, f'table {name!r}: begin its name with "{plugin.name}_"', module.at(line))


def _call(plugin: Plugin, module: Module, call: ast.Call) -> Iterator[Finding]:
    name = module.name_of(call.func)
    if name in {"sqlalchemy.Table", "sqlalchemy.schema.Table"}:
        yield Finding(CODE, "a bare Table has no owner; write a model class on plugin_base()", module.at(call))
    elif name == "core.sdk.models.plugin_base" and (not call.args or module.value(call.args[0]) != plugin.name):
        yield Finding(CODE, f'build on the plugin\'s own base: plugin_base("{plugin.name}")', module.at(call))
    elif name.startswith("sqlalchemy.") and name.rpartition(".")[2] in {"declarative_base", "registry", "MetaData"}:
        yield Finding(
            CODE, f'no {name.rpartition(".")[2]} of one\'s own; use plugin_base("{plugin.name}")', module.at(call)
        )
