"""The contract rules a plugin is held to, read from its files without importing it.

One rule per module of ``core.host.checks.rules``: a ``CODE`` and ``check(plugin)``, which yields what breaks the rule
and how to mend it. What only shows when the plugin runs is tested by ``core.sdk.testing.PluginContract``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from core.host.checks import rules
from core.host.checks.finding import Finding
from core.host.checks.locate import folder_of
from core.host.checks.source import Plugin, Unreadable

__all__ = ["Finding", "Rule", "all_rules", "folder_of", "run"]


class Rule(Protocol):
    """A module of :mod:`core.host.checks.rules`."""

    CODE: str

    def check(self, plugin: Plugin) -> Iterator[Finding]:
        """What breaks the rule, each with how to mend it."""


def all_rules() -> list[Rule]:
    """Every rule, by code."""
    names = [module.name for module in pkgutil.iter_modules(rules.__path__)]
    found = [cast(Rule, importlib.import_module(f"{rules.__name__}.{name}")) for name in names]
    return sorted(found, key=lambda rule: rule.CODE)


def run(name_or_path: str | Path) -> list[Finding]:
    """Hold the plugin of that name, or in that folder, to every rule. An empty list means it keeps them all.

    Raises:
        LookupError: no plugin of that name, and no such folder.
    """
    try:
        plugin = Plugin.read(folder_of(name_or_path))
    except Unreadable as error:
        return [Finding("CRM000", str(error), error.where)]
    return [finding for rule in all_rules() for finding in rule.check(plugin)]
