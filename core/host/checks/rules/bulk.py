"""No bulk methods and no executemany: they pass by the checks of each row."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM017"


def check(plugin: Plugin) -> Iterator[Finding]:
    """No ``bulk_…``, no ``execute(statement, [rows])``; ``add_all`` is as fast and checked."""
    for module, call in plugin.each_call():
        method = getattr(call.func, "attr", "")
        if method.startswith("bulk_"):
            yield Finding(CODE, f"{method}() skips the scope of each row; use session.add_all(…)", module.at(call))
        elif method == "executemany" or (method in {"execute", "scalars"} and _many(module, call)):
            yield Finding(
                CODE,
                "many parameter sets at once cannot be scoped; use session.add_all(…) or one update() with a where",
                module.at(call),
            )


def _many(module: Module, call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    second = call.args[1] if len(call.args) > 1 else given.get("params")
    if isinstance(second, ast.Name):
        second = module.constants.get(second.id, second)
    return isinstance(second, ast.List | ast.ListComp | ast.Tuple | ast.GeneratorExp)
