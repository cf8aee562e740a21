"""No SQL as text: the core cannot add a row scope to what it cannot read, and refuses it when it runs."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM016"
_TEXT = {"text", "literal_column", "TextClause"}
_METHODS = {"from_statement", "exec_driver_sql"}


def check(plugin: Plugin) -> Iterator[Finding]:
    """No ``text()``, ``literal_column()``, ``from_statement()`` or ``exec_driver_sql()``."""
    for module, call in plugin.each_call():
        name, method = module.name_of(call.func), getattr(call.func, "attr", "")
        if method in _METHODS or (name.startswith("sqlalchemy.") and name.rpartition(".")[2] in _TEXT):
            what = method or name.rpartition(".")[2]
            yield Finding(CODE, f"{what}() cannot be scoped; write it with select() over the models", module.at(call))
