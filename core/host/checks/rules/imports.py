"""Of the core a plugin imports ``core.sdk``; of another plugin, ``api``, and only when it requires it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM012"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Everything else may change without notice."""
    for module in (*plugin.modules, *plugin.migrations):
        for name, node in _imports(module):
            message = _breach(plugin, name)
            if message:
                yield Finding(CODE, message, module.at(node))


def _imports(module: Module) -> Iterator[tuple[str, ast.AST]]:
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = module.source_of(node)
            deeper = source in {"core", "plugins"} or (source.count(".") == 1 and source.startswith("plugins."))
            yield from ((f"{source}.{alias.name}" if deeper else source, node) for alias in node.names)
        elif isinstance(node, ast.Call) and module.name_of(node.func) in {"importlib.import_module", "__import__"}:
            target = module.value(node.args[0]) if node.args else None
            if isinstance(target, str):
                yield target, node


def _breach(plugin: Plugin, name: str) -> str:
    top, _, rest = name.partition(".")
    if top == "core" and not (rest == "sdk" or rest.startswith("sdk.")):
        return f"imports {name}; use what core.sdk offers, nothing else of the core is promised"
    if top != "plugins" or plugin.owns(name):
        return ""
    other, _, part = rest.partition(".")
    if other not in plugin.requires:
        cure = f'add it to requires, or reach it through services.get("{other}.…", 1)'
        return f"imports plugin {other}, which it does not require; {cure}"
    if part.partition(".")[0] != "api":
        return f"imports {name}; of another plugin only plugins.{other}.api may be imported"
    return ""
