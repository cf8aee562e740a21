"""Foreign keys point to the core, to the plugin itself, or to a plugin it requires."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM020"


def check(plugin: Plugin) -> Iterator[Finding]:
    """To anything else the key is kept without a constraint and followed by ``crm_integrity``."""
    allowed = (plugin.name, "core", *plugin.requires)
    for module in (*plugin.modules, *plugin.migrations):
        for call in module.calls:
            for target in _targets(module, call):
                if not target.startswith(tuple(f"{owner}_" for owner in allowed)):
                    cure = "add its plugin to requires, or keep the key without a constraint and follow crm_integrity"
                    message = f"foreign key to {target}, whose plugin is not required; {cure}"
                    yield Finding(CODE, message, module.at(call))


def _targets(module: Module, call: ast.Call) -> Iterator[str]:
    name = module.name_of(call.func).rpartition(".")[2]
    values: list[object] = []
    if name == "ForeignKey" and call.args:
        values = [module.value(call.args[0])]
    elif name == "ForeignKeyConstraint" and len(call.args) > 1:
        listed = module.value(call.args[1])
        values = list(listed) if isinstance(listed, list | tuple) else []
    elif name == "create_foreign_key" and len(call.args) > 2 and isinstance(call.func, ast.Attribute):
        values = [module.value(call.args[2 if module.name_of(call.func).startswith("alembic") else 1])]
    yield from (value for value in values if isinstance(value, str))
