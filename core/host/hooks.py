"""Hooks as plugins offer and implement them: each implementation is verified singly before anybody calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pluggy

from core.contract import hookspecs
from core.permissions.reach import covers

DECIDE = "crm_decide"


class BadHook(Exception):
    """An implementation does not fit its specification."""


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's function for one hook, and the arguments it takes."""

    plugin: str
    hook: str
    function: Callable[..., Any]
    accepts: frozenset[str]


class HookBook:
    """The hooks of the core and of the plugins loaded so far."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager("crm")
        self._manager.add_hookspecs(hookspecs)

    def offer(self, name: str, module: ModuleType) -> None:
        """Take in the hooks this plugin offers to others, if any.

        Raises:
            BadHook: they are not named after it.
        """
        offers = getattr(module, "crm_hookspecs", None)
        if offers is None or self._manager.parse_hookimpl_opts(module, "crm_hookspecs") is None:
            return
        if inspect.signature(offers).parameters:
            raise BadHook("crm_hookspecs takes no arguments")
        specs = offers()
        for hook in _spec_names(specs):
            if not hook.startswith(f"{name}_"):
                raise BadHook(f"the hook {hook} it offers must be named {name}_something; rename it")
        self._manager.add_hookspecs(specs)

    def knows(self, hook: str) -> bool:
        """Whether the core or a plugin loaded so far offers this hook."""
        spec = getattr(self._manager.hook, hook, None)
        return spec is not None and bool(spec.has_spec())

    def verified(
        self, name: str, module: ModuleType, known: Collection[str], healthy: Collection[str]
    ) -> Iterator[Implementation]:
        """The plugin's implementations; ``known`` names all plugins found, ``healthy`` those loaded so far.

        Raises:
            BadHook: one does not fit.
        """
        for attribute in dir(module):
            options = self._manager.parse_hookimpl_opts(module, attribute)
            if options is None:
                continue
            hook = options.get("specname") or attribute
            if options.get("wrapper") or options.get("hookwrapper"):
                raise BadHook(f"{attribute} is a wrapper; hooks here only answer, so take wrapper out")
            if not self.knows(hook):
                _check_absent(hook, known, healthy)
                continue
            spec = getattr(self._manager.hook, hook).spec
            yield self._fitting(name, hook, getattr(module, attribute), spec)
        self._manager.register(module, name)

    def forget(self, module: ModuleType) -> None:
        """Take a plugin out that turned out broken after all."""
        if self._manager.is_registered(module):
            self._manager.unregister(module)

    def _fitting(self, name: str, hook: str, function: Callable[..., Any], spec: Any) -> Implementation:
        known = set(spec.argnames) | set(spec.kwargnames)
        takes = inspect.signature(function).parameters
        wrong = [p.name for p in takes.values() if p.name not in known or p.kind is not p.POSITIONAL_OR_KEYWORD]
        if wrong:
            may = ", ".join(spec.argnames) or "nothing"
            raise BadHook(f"{hook} takes {', '.join(wrong)}, which the hook does not give; it may take {may}")
        return Implementation(name, hook, function, frozenset(takes))


def votes(patterns: Collection[str], actions: Collection[str]) -> bool:
    """Whether one of these names, such as ``customers.party.*``, covers one of these actions."""
    return any(covers(pattern, action) for pattern in patterns for action in actions)


def _check_absent(hook: str, known: Collection[str], healthy: Collection[str]) -> None:
    """An unknown hook is a mistake, unless it belongs to a plugin that is not here or is broken."""
    if hook.startswith("crm_"):
        raise BadHook(f"{hook} is not a hook of this core; see docs/hooks.md for the hooks there are")
    owner = max((n for n in known if hook.startswith(f"{n}_")), key=len, default=None)
    if owner in healthy:
        raise BadHook(f"{hook} is not a hook that plugin {owner!r} offers")


def _spec_names(specs: Any) -> list[str]:
    return [name for name in dir(specs) if getattr(getattr(specs, name), "crm_spec", None) is not None]
