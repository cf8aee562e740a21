"""What a plugin registers, as far as it can be read: ``Action("loans.view", "View loans")`` in any of its files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Any

from core.contract import types
from core.host.checks.source import UNKNOWN, Module, Plugin


@dataclass(frozen=True)
class Thing:
    """One construction of a contract type."""

    kind: str
    module: Module
    call: ast.Call
    arguments: dict[str, ast.expr]

    def value(self, name: str) -> Any:
        """The argument's value, its default when left out, ``UNKNOWN`` when it takes running."""
        if name in self.arguments:
            return self.module.value(self.arguments[name])
        for declared in fields(getattr(types, self.kind)):
            if declared.name == name and declared.default is not MISSING:
                return declared.default
        return UNKNOWN

    @property
    def at(self) -> str:
        """Where it stands."""
        return self.module.at(self.call)


def things(plugin: Plugin, *kinds: str) -> Iterator[Thing]:
    """Every construction of these contract types in the plugin's files."""
    for module, call in plugin.each_call():
        name = module.name_of(call.func)
        kind = name.rpartition(".")[2]
        if kind in kinds and name.startswith("core."):
            yield Thing(kind, module, call, _bind(kind, call))


def _bind(kind: str, call: ast.Call) -> dict[str, ast.expr]:
    names = [declared.name for declared in fields(getattr(types, kind))]
    bound = dict(zip(names, call.args, strict=False))
    bound.update({keyword.arg: keyword.value for keyword in call.keywords if keyword.arg})
    return bound
