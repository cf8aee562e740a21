"""Row scope is the core's business: a model says what it is about, and no more."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin
from core.host.checks.things import things

CODE = "CRM030"


def check(plugin: Plugin) -> Iterator[Finding]:
    """``__scope__`` names own columns; criteria are plain expressions; nobody sets loader criteria or scope options."""
    for module in plugin.modules:
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                yield from _model(module, node)
        for call in module.calls:
            if module.name_of(call.func).endswith(".with_loader_criteria"):
                yield Finding(CODE, "with_loader_criteria is the core's own tool; declare __scope__", module.at(call))
            elif getattr(call.func, "attr", "") == "execution_options" and any(
                "scope" in str(k.arg) for k in call.keywords
            ):
                yield Finding(CODE, 'scope options are the core\'s; use unscoped("why")', module.at(call))
    for provider in things(plugin, "ScopeProvider"):
        criterion = provider.arguments.get("criterion")
        if isinstance(criterion, ast.Lambda) and any(isinstance(n, ast.Lambda) for n in ast.walk(criterion.body)):
            yield Finding(CODE, "a lambda inside the criterion fails open; use plain columns and values", provider.at)


def _model(module: Module, node: ast.ClassDef) -> Iterator[Finding]:
    names = {t.id for line in node.body for t in _targets(line) if isinstance(t, ast.Name)}
    for line in node.body:
        if "__scope__" not in {t.id for t in _targets(line) if isinstance(t, ast.Name)}:
            continue
        scope = module.value(getattr(line, "value", None))
        if not isinstance(scope, dict):
            yield Finding(CODE, f"{node.name}: write __scope__ as a literal {{subject: column}}", module.at(line))
            continue
        for subject, column in scope.items():
            if "__tablename__" in names and column not in names:
                yield Finding(
                    CODE,
                    f"{node.name}: __scope__ {subject!r} names {column!r}, which is no column of it",
                    module.at(line),
                )


def _targets(line: ast.stmt) -> list[ast.expr]:
    if isinstance(line, ast.Assign):
        return line.targets
    return [line.target] if isinstance(line, ast.AnnAssign) else []
