"""What others may use is explained: ``api.py`` and ``hookspecs.py``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM029"


def check(plugin: Plugin) -> Iterator[Finding]:
    """A docstring for the file and for each public function, class and method in it."""
    for module in plugin.modules:
        if plugin.relative(module.path) not in {"api.py", "hookspecs.py"}:
            continue
        if not ast.get_docstring(module.tree):
            yield Finding(CODE, "begin the file with what it offers", module.at())
        for node in module.nodes:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                yield Finding(CODE, f"{node.name} has no docstring; others build on it", module.at(node))
