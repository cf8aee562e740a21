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
_GUARDS = frozenset({"TYPE_CHECKING", "version_info", "platform", "find_spec"})


def check(plugin: Plugin) -> Iterator[Finding]:
    """Looked up without running the plugin.

    May be missing: what stands in ``try``, under ``TYPE_CHECKING``, or under a test of the platform or for the module.
    """
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
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _unguarded(node.body)
        else:
            yield from _unguarded(_inner(node, guards=_GUARDS))


def _inner(node: ast.stmt, guards: frozenset[str] = frozenset({"TYPE_CHECKING"})) -> list[ast.stmt]:
    """What stands inside a compound statement and runs with it; nothing of a branch under one of these guards."""
    if isinstance(node, ast.If):
        named = {getattr(part, "id", None) or getattr(part, "attr", None) for part in ast.walk(node.test)}
        if "TYPE_CHECKING" in named:
            return node.body if isinstance(node.test, ast.UnaryOp) else node.orelse  # ``not TYPE_CHECKING``
        return [] if named & guards else [*node.body, *node.orelse]
    if isinstance(node, ast.For | ast.AsyncFor | ast.While):
        return [*node.body, *node.orelse]
    if isinstance(node, ast.With | ast.AsyncWith):
        return node.body
    if isinstance(node, ast.Match):
        return [inner for case in node.cases for inner in case.body]
    return []


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
    names = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    names.update(_binds(tree.body))
    return frozenset({*names, "*"} if "__getattr__" in names else names)


def _binds(body: list[ast.stmt]) -> Iterator[str]:
    """Names the statements bind where they stand: not those of functions and classes inside."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Try | ast.TryStar):
            handled = [inner for handler in node.handlers for inner in handler.body]
            yield from _binds([*node.body, *handled, *node.orelse, *node.finalbody])
        else:
            yield from _stored(node)
            yield from _binds(_inner(node))


def _stored(node: ast.AST) -> Iterator[str]:
    """Names an assignment, a loop or a ``with`` gives a value, statements inside it aside."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.stmt | ast.Lambda | ast.comprehension):
            continue
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
        yield from _stored(part)
