"""No floats in the database: neither money nor a rate survives them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM027"
_FLOATS = {"Float", "FLOAT", "REAL", "Double", "DOUBLE", "DOUBLE_PRECISION"}
_CURE = "use Money for amounts (core.sdk.models), Numeric(12, 7) for rates"


def check(plugin: Plugin) -> Iterator[Finding]:
    """No ``Float`` column type and no ``Mapped[float]``, in models or migrations."""
    for module in (*plugin.modules, *plugin.migrations):
        for node in module.nodes:
            if isinstance(node, ast.Name | ast.Attribute):
                name = module.name_of(node)
                if name.startswith("sqlalchemy.") and name.rpartition(".")[2] in _FLOATS:
                    yield Finding(CODE, f"{name.rpartition('.')[2]} column; {_CURE}", module.at(node))
            elif isinstance(node, ast.AnnAssign) and _mapped_float(node.annotation):
                yield Finding(CODE, f"Mapped[float]; {_CURE}", module.at(node))


def _mapped_float(annotation: ast.expr) -> bool:
    names = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    return {"Mapped", "float"} <= names
