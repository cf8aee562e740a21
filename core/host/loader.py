"""Loads every plugin inside its own try. One that fails takes down only those that require it, and is named.

Specifications come first, then each implementation is verified singly; nothing half-registered stays behind.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from flask import Flask

from core.contract import API_VERSION
from core.contract.protocols import Snapshot
from core.db.base import CORE, CoreBase
from core.host.discovery import Candidate
from core.host.graph import Node, dependants, resolve
from core.host.hooks import DECIDE, BadHook, HookBook, Implementation, votes
from core.host.manifest import Manifest
from core.host.mapping import Before, configure
from core.host.modules import check_folder, drop_stale, forget
from core.host.registry import KINDS, PluginRegistry
from core.host.routes import Trial, UrlBook, try_out

TRACE_LIMIT = 20_000


class PluginsBroken(Exception):
    """``CRM_STRICT_PLUGINS=1`` and at least one plugin is broken; the message names each with its reason."""


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a plugin cannot be used. ``trace`` is empty where no exception of its own code was behind it."""

    reason: str
    trace: str = ""


ABSENT = ModuleType("absent")
"""Stands for a plugin's module until it has been imported."""


@dataclass(slots=True)
class Loading:
    """A plugin on its way in."""

    candidate: Candidate
    manifest: Manifest
    module: ModuleType = ABSENT
    implementations: list[Implementation] = field(default_factory=list)
    trial: Trial = field(default_factory=lambda: Trial((), ()))


class Loader:
    """Loads once. Afterwards ``plugins`` holds the healthy ones in order and ``broken`` the others with reasons."""

    def __init__(self, app: Flask, current: Callable[[], Snapshot]) -> None:
        self.app = app
        self.registry = PluginRegistry(current)
        self.urls = UrlBook(app)
        self.plugins: dict[str, Loading] = {}
        self.broken: dict[str, Broken] = {}
        self.implementations: dict[str, tuple[Implementation, ...]] = {}
        self.hooks = HookBook()
        self._names: frozenset[str] = frozenset()
        self._protected: frozenset[str] = frozenset()
        self.ballots: dict[str, tuple[str, ...]] = {}
        self.blueprint_owners: dict[str, str] = {}

    def load(self, candidates: Iterable[Candidate]) -> None:
        """Load them all; never raises for what a plugin does."""
        CoreBase.registry.configure()
        found = list(candidates)
        manifests = {c.name: c.manifest for c in reversed(found) if c.manifest is not None}
        self._protected = frozenset(name for name, manifest in manifests.items() if manifest.protected)
        self.ballots = {name: self._ballot(manifest) for name, manifest in manifests.items() if manifest.votes_on}
        usable = self._usable(found)
        nodes = {n: Node(m.version, m.requires, rank=not c.ours) for n, (c, m) in usable.items()}
        resolution = resolve(nodes, {name: why.reason for name, why in self.broken.items()})
        self.broken.update({name: Broken(reason) for name, reason in resolution.problems.items()})
        for name in resolution.order:
            candidate, manifest = usable[name]
            self._step(name, Loading(candidate, manifest), self._import)
        for step in (self._verify, self._models, self._things, self._blueprints):
            for name, plugin in list(self.plugins.items()):
                if name in self.plugins:
                    self._step(name, plugin, step)
        self._refuse_undeclared()
        for name, plugin in list(self.plugins.items()):
            if name in self.plugins:
                self._step(name, plugin, self._mount)
        self._index()

    def _usable(self, candidates: Iterable[Candidate]) -> dict[str, tuple[Candidate, Manifest]]:
        usable: dict[str, tuple[Candidate, Manifest]] = {}
        known = list(candidates)
        self._names = frozenset(c.name for c in known)
        for candidate in known:
            manifest = candidate.manifest
            if candidate.name in usable or candidate.name in self.broken:
                continue  # the second of two with one name: listed with its own error, and counts for nothing
            if manifest is None:
                self.broken[candidate.name] = Broken(candidate.error)
            elif not manifest.api_fits:
                text = f"was written for API {manifest.api}; this core offers {API_VERSION}"
                self.broken[candidate.name] = Broken(f"{text}: install a version of the plugin made for it")
            else:
                usable[candidate.name] = (candidate, manifest)
        return usable

    def _step(self, name: str, plugin: Loading, step: Callable[[str, Loading], None]) -> None:
        missing = next((r for r in sorted(plugin.manifest.requires) if r in self.broken), None)
        if missing is not None:
            self.fail(name, f"requires {missing}, which is broken: {self.broken[missing].reason}", candidate=plugin)
            return
        before = Before.take(other for other in self.plugins if other != name)
        try:
            try:
                step(name, plugin)
            finally:
                before.settle(name)
        except (Exception, SystemExit) as error:
            self.fail(name, _because(error), traceback.format_exc()[-TRACE_LIMIT:], plugin)

    def fail(self, name: str, reason: str, trace: str = "", candidate: Loading | None = None) -> None:
        """Mark a plugin broken, with those that require it, and take back everything they registered."""
        gone = self.plugins.pop(name, candidate)
        self.broken[name] = Broken(reason, trace)
        nodes = {n: Node(p.manifest.version, p.manifest.requires) for n, p in self.plugins.items()}
        for follower in sorted(dependants([name], nodes)):
            other = self.plugins.pop(follower)
            self.broken[follower] = Broken(f"requires {name}, which is broken: {reason}")
            self._forget(follower, other)
        if gone is not None:
            self._forget(name, gone)

    def _forget(self, name: str, plugin: Loading) -> None:
        self.registry.remove(name)
        self.urls.remove(name)
        self.hooks.forget(plugin.module)
        forget(name, plugin.candidate.module)

    # -- the steps, each for every plugin before the next -------------------------------------------------------------

    def _import(self, name: str, plugin: Loading) -> None:
        module = plugin.candidate.module
        drop_stale(name, module, plugin.candidate.path)
        plugin.module = importlib.import_module(f"{module}.plugin")
        check_folder(plugin.module, plugin.candidate.path)
        self.plugins[name] = plugin
        self.hooks.offer(name, plugin.module)

    def _verify(self, name: str, plugin: Loading) -> None:
        plugin.implementations.extend(self.hooks.verified(name, plugin.module, self._names, self.plugins))
        votes_on = plugin.manifest.votes_on
        if bool(votes_on) != any(each.hook == DECIDE for each in plugin.implementations):
            raise BadHook(f"{DECIDE} and votes_on in plugin.toml belong together: name there what it votes on")
        for pattern in set(votes_on) - set(self.ballots.get(name, ())):
            raise BadHook(f"nobody may veto {pattern}, or a failing veto could stay for ever; take it out of votes_on")

    def _ballot(self, manifest: Manifest) -> tuple[str, ...]:
        """What it may vote on. With the core's actions and those of protected plugins people recover and switch."""
        core = [name for name in self.registry.actions() if self.registry.owner("crm_permissions", name) == CORE]
        closed = {CORE, *self._protected}
        return tuple(p for p in manifest.votes_on if p.partition(".")[0] not in closed and not votes([p], core))

    def _models(self, name: str, plugin: Loading) -> None:
        models = self.registry.check(name, "crm_models", self._ask(plugin, "crm_models"))
        # Tables attribute their owner first: the checks below go by it.
        for model in models:
            model.__table__.info.setdefault("plugin", name)
        configure(name, plugin.manifest.requires)
        self.registry.add(name, {"crm_models": models})

    def _things(self, name: str, plugin: Loading) -> None:
        hooks = [hook for hook in KINDS if hook != "crm_models"]
        self.registry.add(name, {hook: self.registry.check(name, hook, self._ask(plugin, hook)) for hook in hooks})

    def _ask(self, plugin: Loading, hook: str) -> Any:
        found = next((i for i in plugin.implementations if i.hook == hook), None)
        return None if found is None else found.function()

    def _blueprints(self, name: str, plugin: Loading) -> None:
        blueprints = self.registry.things("crm_blueprints", name)
        plugin.trial = try_out(blueprints, name)
        self.urls.check(blueprints, plugin.trial.rules)
        self.urls.add(name, blueprints, plugin.trial.rules)

    def _mount(self, name: str, plugin: Loading) -> None:
        for blueprint in self.registry.things("crm_blueprints", name):
            # Noted first, and for good: what a failing registration leaves on the app stays behind the gate.
            self.blueprint_owners[blueprint.name] = name
            self.app.register_blueprint(blueprint)

    def _refuse_undeclared(self) -> None:
        """Refuse plugins that name an action nobody declares; again, because what they declared goes with them."""
        while True:
            declared = self.registry.actions()
            wrong = {name: self._undeclared(name, plugin, declared) for name, plugin in self.plugins.items()}
            culprit = next((name for name, reason in wrong.items() if reason), None)
            if culprit is None:
                return
            self.fail(culprit, wrong[culprit])

    def _undeclared(self, name: str, plugin: Loading, declared: frozenset[str]) -> str:
        named = [(f"route {endpoint}", action) for endpoint, action in plugin.trial.actions]
        named += [(f"panel {panel.id}", panel.action) for panel in self.registry.things("crm_panels", name)]
        for where, action in named:
            if action not in declared:
                return f"{where} needs the permission {action!r}, which nobody declares; add it to crm_permissions"
        for pattern in plugin.manifest.votes_on:
            if pattern.partition(".")[0] in self.plugins and not votes([pattern], declared):
                return f"crm_decide votes on {pattern!r}, which nobody declares; it would close nothing: mend the name"
        return ""

    def _index(self) -> None:
        """Implementations by hook, in plugin order."""
        found: dict[str, list[Implementation]] = {}
        for plugin in self.plugins.values():
            for implementation in plugin.implementations:
                found.setdefault(implementation.hook, []).append(implementation)
        self.implementations = {hook: tuple(each) for hook, each in found.items()}


def _because(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.filename}, line {error.lineno}: {error.msg}"
    return f"{type(error).__name__}: {error}".strip()
