"""Imports lead somewhere: one that does not breaks the plugin at start, or the first page that needs it."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import find_spec

from core.host.checks.finding import Finding
from core.host.checks.locate import folder_of
from core.host.checks.source import Module, Plugin, Unreadable

CODE = "CRM031"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Looked up without running the plugin; what stands in ``try`` or under ``TYPE_CHECKING`` may be missing."""
    for module in plugin.modules:
        for node in _unguarded(module.tree.body):
            for source, name in _wanted(module, node):
                message = _trouble(plugin, plugin.canonical(source), name)
                if message:
                    yield Finding(CODE, message, module.at(node))


def _unguarded(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.With):
            yield from _unguarded(node.body)


def _wanted(module: Module, node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Module and name, '' when the module itself is wanted."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, "") for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from ((module.source_of(node), alias.name) for alias in node.names)


def _trouble(plugin: Plugin, source: str, name: str) -> str:
    if plugin.owns(source):
        return _in_files(plugin, source, name)
    if source.startswith("plugins."):
        return _of_another(source, name)
    if source.partition(".")[0] == "core":
        return _of_core(source, name)
    if _is_found(source):
        return ""
    return f"there is no module {source!r} here; mend the name, or install what brings it and name it in your package"


def _in_files(plugin: Plugin, source: str, name: str) -> str:
    module = plugin.by_name.get(source)
    if module is None:
        inside = any(known.startswith(f"{source}.") for known in plugin.by_name)  # a folder without __init__.py
        return "" if inside and f"{source}.{name}" in plugin.by_name else f"there is no module {source}; mend the name"
    if not name or name == "*" or f"{source}.{name}" in plugin.by_name or {name, "*"} & _bound(module.tree):
        return ""
    return f"{module.at()} has no {name!r}; mend the name"


def _of_another(source: str, name: str) -> str:
    _, other, *_rest = source.split(".")
    try:
        found = Plugin.read(folder_of(other))
    except (LookupError, Unreadable):
        return f"plugin {other} is not installed here; install it, or reach it through core.sdk.services"
    return _in_files(found, source, name)


def _of_core(source: str, name: str) -> str:
    """The core is ours, so it may be imported."""
    try:
        module = importlib.import_module(source)
        if name and name != "*" and not hasattr(module, name):
            importlib.import_module(f"{source}.{name}")
    except ImportError:
        text = f"{source} has no {name!r}" if name else f"there is no module {source}"
        return f"{text}; docs/plugin-guide.md says what core.sdk offers"
    return ""


def _is_found(source: str) -> bool:
    """Whether the module is installed. Only specs are looked at: importing a parent would run somebody's code."""
    first, *others = source.split(".")
    spec, dotted = find_spec(first), first
    for part in others:
        if spec is None or spec.submodule_search_locations is None:
            return spec is not None and spec.origin in {"built-in", "frozen"}
        dotted = f"{dotted}.{part}"
        spec = PathFinder.find_spec(dotted, list(spec.submodule_search_locations))
    return spec is not None


def _bound(tree: ast.Module) -> frozenset[str]:
    """Names a file gives when it is imported; ``*`` among them when there may be any others."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
    return frozenset({*names, "*"} if "__getattr__" in names else names)
