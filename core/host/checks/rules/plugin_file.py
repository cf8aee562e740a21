"""``plugin.py`` is the table of contents: hook implementations, nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM023"
LONGEST = 100
_MARK = "core.sdk.hooks.hookimpl"


def check(plugin: Plugin) -> Iterator[Finding]:
    """At most a hundred lines of code, only hook implementations, their imports inside."""
    module = next((m for m in plugin.modules if plugin.relative(m.path) == "plugin.py"), None)
    if module is None:
        yield Finding(CODE, "no plugin.py; it holds the hook implementations", "plugin.py")
        return
    lines = _code_lines(module)
    if lines > LONGEST:
        message = f"{lines} lines of code; move what is more than hooks out, at most {LONGEST}"
        yield Finding(CODE, message, "plugin.py")
    for node in module.tree.body:
        yield from _line(plugin, module, node)


def _code_lines(module: Module) -> int:
    """Lines without imports, docstrings, comments and blanks: a plugin that implements every hook keeps the limit."""
    text = module.path.read_text("utf-8").splitlines()
    idle = {number for number, line in enumerate(text, 1) if not line.strip() or line.lstrip().startswith("#")}
    for node in module.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.If | ast.Expr) and _is_idle(node):
            idle.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(text) - len(idle)


def _is_idle(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom) or _is_type_checking(node) or _is_docstring(node)


def _line(plugin: Plugin, module: Module, node: ast.stmt) -> Iterator[Finding]:
    if isinstance(node, ast.FunctionDef):
        if not any(_is_mark(module, decorator) for decorator in node.decorator_list):
            message = f"{node.name} is no hook implementation; decorate it, or move it to another file"
            yield Finding(CODE, message, module.at(node))
    elif isinstance(node, ast.ImportFrom) and plugin.owns(module.source_of(node)):
        message = "import the plugin's own files inside the hooks, so that a broken one fails one hook"
        yield Finding(CODE, message, module.at(node))
    elif not isinstance(node, ast.Import | ast.ImportFrom) and not _is_docstring(node) and not _is_type_checking(node):
        yield Finding(CODE, "only imports and hook implementations stand here; move it elsewhere", module.at(node))


def _is_mark(module: Module, node: ast.expr) -> bool:
    return module.name_of(node.func if isinstance(node, ast.Call) else node) == _MARK


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
