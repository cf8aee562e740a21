"""What plugins registered, seen through the snapshot in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint

from core.contract import protocols, types
from core.db.base import CORE
from core.scheduler import cron


class RegistrationError(Exception):
    """A registration hook gave something that cannot be used; the message names it and says how to mend it."""


KINDS: dict[str, tuple[type, str]] = {
    "crm_models": (type, "__tablename__"),
    "crm_services": (types.Service, "contract"),
    "crm_blueprints": (Blueprint, "name"),
    "crm_menus": (types.MenuItem, "id"),
    "crm_permissions": (types.Action, "name"),
    "crm_scope_providers": (types.ScopeProvider, "subject"),
    "crm_parameters": (types.Parameter, "name"),
    "crm_code_tables": (types.CodeTable, "name"),
    "crm_jobs": (types.Job, "name"),
    "crm_panels": (types.Panel, "id"),
    "crm_feeds": (types.Feed, "name"),
    "crm_datasets": (types.Dataset, "name"),
    "crm_event_types": (types.EventType, "name"),
    "crm_health_checks": (types.HealthCheck, "name"),
    "crm_cli": (types.Command, "command"),
    "crm_seed": (types.Seed, "name"),
}
"""What each registration hook gives, and the attribute that names it."""

WORDS = {
    "crm_blueprints": "blueprint",
    "crm_permissions": "permission",
    "crm_menus": "menu",
    "crm_jobs": "job",
    "crm_panels": "panel",
    "crm_models": "table",
    "crm_services": "service",
    "crm_feeds": "feed",
    "crm_datasets": "dataset",
    "crm_parameters": "parameter",
    "crm_code_tables": "code table",
    "crm_cli": "command",
    "crm_scope_providers": "scope provider",
    "crm_event_types": "event type",
    "crm_health_checks": "health check",
    "crm_seed": "seed",
}


def name_of(hook: str, thing: Any) -> str:
    """The name a thing is known by: no two plugins may register one."""
    if hook == "crm_cli":
        return str(thing.command.name)
    if hook == "crm_services":
        return f"{thing.contract}/{thing.version}"
    if hook == "crm_models":
        return str(getattr(thing, "__tablename__", None) or thing.__name__)
    return str(getattr(thing, KINDS[hook][1]))


def checked(hook: str, answer: Any) -> tuple[Any, ...]:
    """The answer of a registration hook as a tuple of things of the right type.

    Raises:
        RegistrationError: it is not.
    """
    kind = KINDS[hook][0]
    if answer is None:
        return ()
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise RegistrationError(f"{hook} gave {answer!r}; it must give a list of {kind.__name__}")
    things = tuple(answer)
    for thing in things:
        if not isinstance(thing, kind):
            raise RegistrationError(f"{hook} gave {thing!r}; it must give {kind.__name__} only")
    return things


def _runnable(job: types.Job) -> None:
    """Refuse what would stop the scheduler, and with it the jobs of everybody else.

    Raises:
        RegistrationError: the schedule is no cron line, or a number is none or out of bounds.
    """
    if job.schedule is not None and (trouble := cron.trouble(str(job.schedule))):
        raise RegistrationError(f"job {job.name!r}: schedule {job.schedule!r} is no cron line: {trouble}")
    for what, value, least, most in (("time_limit", job.time_limit, 1, 86_400), ("retries", job.retries, 0, 10)):
        if type(value) is not int or not least <= value <= most:
            raise RegistrationError(f"job {job.name!r}: {what} is {value!r}; it must be from {least} to {most}")


class PluginRegistry:
    """Implements :class:`core.contract.protocols.Registry`. Filled at start, afterwards only read."""

    def __init__(self, current: Callable[[], protocols.Snapshot]) -> None:
        self._current = current
        self._things: dict[str, dict[str, tuple[Any, ...]]] = {}
        self._owners: dict[tuple[str, str], str] = {}
        self._order: list[str] = [CORE]
        self._cache: dict[tuple[str, frozenset[str]], tuple[tuple[str, Any], ...]] = {}

    def of(self, hook: str, snapshot: protocols.Snapshot | None = None) -> tuple[tuple[str, Any], ...]:
        """``(plugin, thing)`` of the core and of enabled plugins; in plugin order, then by weight and name."""
        enabled = (snapshot or self._current()).enabled
        key = (hook, enabled)
        if key not in self._cache:
            by_plugin = self._things.get(hook, {})
            on = [name for name in self._order if name == CORE or name in enabled]
            self._cache[key] = tuple((name, thing) for name in on for thing in by_plugin.get(name, ()))
        return self._cache[key]

    def owner(self, hook: str, name: str) -> str | None:
        """Plugin that registered the thing of that name, on or off."""
        return self._owners.get((hook, name))

    def things(self, hook: str, plugin: str) -> tuple[Any, ...]:
        """What one plugin registered, on or off."""
        return self._things.get(hook, {}).get(plugin, ())

    def declare(self, hook: str, things: Iterable[Any]) -> None:
        """Register things of the core itself; they are always on. Repeating one replaces nothing and is an error."""
        self.add(CORE, {hook: (*self.things(hook, CORE), *self.check(CORE, hook, things))})

    def reserve(self, hook: str, names: Iterable[str]) -> None:
        """Names the core keeps elsewhere than here, so that no plugin takes them."""
        self._owners.update({(hook, name): CORE for name in names})

    def check(self, plugin: str, hook: str, answer: Any) -> tuple[Any, ...]:
        """The answer as things this plugin may register.

        Raises:
            RegistrationError: wrong type, or a name that somebody has already.
        """
        things = checked(hook, answer)
        seen: set[str] = set()
        for thing in things:
            name = name_of(hook, thing)
            if hook == "crm_jobs":
                _runnable(thing)
            owner = plugin if name in seen else self.owner(hook, name)
            if owner is not None:
                raise RegistrationError(f"{WORDS[hook]} {name!r} is already registered by {owner!r}; rename it")
            seen.add(name)
        return things

    def add(self, plugin: str, things: Mapping[str, tuple[Any, ...]]) -> None:
        """Take in everything one plugin registered, after :meth:`check`."""
        if plugin not in self._order:
            self._order.append(plugin)
        for hook, values in things.items():
            for thing in values:
                self._owners[hook, name_of(hook, thing)] = plugin
            ordered = sorted(values, key=lambda thing: (getattr(thing, "weight", 100), name_of(hook, thing)))
            # The first blueprint is the plugin's main one, and models are listed parents first: keep their order.
            keep = hook in {"crm_blueprints", "crm_models"}
            self._things.setdefault(hook, {})[plugin] = values if keep else tuple(ordered)
        self._cache.clear()

    def remove(self, plugin: str) -> None:
        """Forget what a plugin registered that turned out broken after all."""
        for by_plugin in self._things.values():
            by_plugin.pop(plugin, None)
        self._owners = {key: owner for key, owner in self._owners.items() if owner != plugin}
        self._cache.clear()

    def actions(self) -> frozenset[str]:
        """Names of all declared actions, of plugins on or off."""
        return frozenset(name for hook, name in self._owners if hook == "crm_permissions")
