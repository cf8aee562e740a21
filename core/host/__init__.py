"""Finds, orders, loads, gates and switches plugins, and keeps what fails in one of them inside it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask import Flask, appcontext_popped
from sqlalchemy import Engine, Row
from sqlalchemy.orm import Session

from core import parameters
from core.config import Config
from core.contract.protocols import Dispatch, Registry, Runtime
from core.extensions import db
from core.host import store
from core.host.discovery import Candidate, discover
from core.host.dispatch import Dispatcher
from core.host.faults import Faults, recent
from core.host.gate import InFlight
from core.host.graph import Node, direct_dependants
from core.host.heartbeat import wait_drained
from core.host.limits import Limits
from core.host.loader import Loader, PluginsBroken
from core.host.modules import forget
from core.host.snapshot import Snapshot, Snapshots
from core.host.states import States
from core.host.status import FaultLine, PluginStatus, State, SwitchPlan, SwitchRefused
from core.host.switch import Switch
from core.host.watch import Watch
from core.i18n import label
from core.permissions import decisions

__all__ = ["FaultLine", "Host", "Limits", "PluginStatus", "PluginsBroken", "SwitchPlan", "SwitchRefused"]

log = logging.getLogger(__name__)

CORE_THINGS = "crm.core"
"""``app.extensions[CORE_THINGS]``: what areas of the core register before the host starts, ``{hook: [things]}``."""


class Host:
    """The plugin host of one app."""

    def __init__(self, app: Flask, limits: Limits | None = None) -> None:
        self.app = app
        self.pid = os.getpid()
        self.config: Config = app.config["CRM"]
        with app.app_context():
            self.engine: Engine = db.engine
        self.in_flight = InFlight()
        self.faults = Faults(self.engine)
        self.states = States(self)
        self.snapshots = Snapshots(self.engine, self.states.build)
        self.loader = Loader(app, self.snapshots.current)
        self.registry = self.loader.registry
        self.dispatch = Dispatcher(self)
        self.watch = Watch(self, limits)
        self.switch = Switch(self)
        self.found: list[Candidate] = []
        self.candidates: dict[str, Candidate] = {}

    @classmethod
    def start(cls, app: Flask, limits: Limits | None = None) -> Host:
        """Load every plugin and open the gate. A broken plugin raises nothing.

        Before ``crm migrate`` has run, all plugins are pending and the app still starts.

        Raises:
            PluginsBroken: with ``CRM_STRICT_PLUGINS=1``, when any is.
        """
        host = cls(app, limits)
        for hook, things in app.extensions.get(CORE_THINGS, {}).items():
            host.registry.declare(hook, things)
        host._reserve()
        host.found = discover(host.config.plugin_path)
        for candidate in host.found:
            host.candidates.setdefault(candidate.name, candidate)
        with app.app_context():
            host.loader.load(host.found)
        host._tell_broken()
        # Runtime's members are read-only protocols; ours give more.
        runtime = Runtime(cast(Registry, host.registry), cast(Dispatch, host.dispatch), host.snapshot)
        app.extensions["crm"] = runtime
        app.extensions["crm.host"] = host
        host.snapshots.refresh()
        host.states.write_back()
        appcontext_popped.connect(host._context_popped, app)
        return host

    def _reserve(self) -> None:
        """Actions and parameters of the core itself, which lower floors have declared before plugins come."""
        self.registry.reserve("crm_permissions", (action.name for action in decisions.core_actions()))
        self.registry.reserve("crm_parameters", (parameter.name for parameter in parameters.core_parameters()))

    def _tell_broken(self) -> None:
        for name, why in self.loader.broken.items():
            log.error("plugin %s is broken: %s", name, why.reason, extra={"plugin": name})
        doubles = [c.error for c in self.found if self.candidates[c.name] is not c]
        for error in doubles:
            log.error("%s", error)
        if self.config.strict_plugins and (self.loader.broken or doubles):
            lines = [f"{name}: {why.reason}" for name, why in sorted(self.loader.broken.items())]
            raise PluginsBroken("; ".join([*lines, *doubles]))

    # -- in force -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """The snapshot of the request; outside of requests the one in force now."""
        return self.snapshots.current()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all plugins found, in load order, broken ones last."""
        return (*self.loader.plugins, *sorted(self.candidates.keys() - self.loader.plugins.keys()))

    def title(self, name: str) -> str:
        """What people call the plugin, in the reader's language; its name when it is not known."""
        candidate = self.candidates.get(name)
        manifest = candidate.manifest if candidate else None
        return label(name, manifest.title) if manifest else name

    @property
    def blueprint_owners(self) -> dict[str, str]:
        """Plugin by blueprint name, on, off or broken; the core's own are not in it."""
        return self.loader.blueprint_owners

    @contextmanager
    def transaction(self, reason: str) -> Iterator[Session]:
        """A session past row scope in one transaction that no other switch runs beside; commits at the end."""
        from core.db.session import system_session

        with self.app.app_context(), system_session(reason) as session:
            store.lock(session.connection())
            yield session
            session.commit()

    def after_request(self) -> None:
        """Called when the last byte of an answer is out."""
        if self.dispatch.outbox.dirty.is_set():
            try:
                with self.app.app_context():
                    self.dispatch.deliver()
            except Exception:  # the answer is out; the courier delivers what is left
                log.exception("events could not be delivered")

    def _context_popped(self, sender: object, **_: object) -> None:
        """No session of this context is open any more: failures can be written without waiting for ourselves."""
        if self.faults.waiting and not self.watch.running_threads:
            self.faults.flush()

    # -- telling ------------------------------------------------------------------------------------------------------

    def plugins(self) -> list[PluginStatus]:
        """Every plugin found, in load order, then the broken ones, then those remembered but gone."""
        snapshot = self.snapshots.current()
        rows = self.states.rows() if snapshot.epoch else {}
        faults = recent(self.engine) if snapshot.epoch else {}
        statuses = [self._status(self.candidates[name], snapshot, rows.get(name), faults) for name in self.names]
        for candidate in self.found:
            if self.candidates[candidate.name] is not candidate:
                error, origin = candidate.error, f"{candidate.origin} ({candidate.path})"
                statuses.append(PluginStatus(candidate.name, candidate.name, "", "broken", error, origin=origin))
        for name, row in sorted(rows.items()):
            if name not in self.candidates and row.enabled_once:
                reason = "it is not installed any more, but its data is: install it again, or purge it"
                gone = PluginStatus(name, row.title or name, row.version, "broken", reason, origin=row.origin)
                statuses.append(gone)
        return statuses

    def _status(
        self, candidate: Candidate, snapshot: Snapshot, row: Row[Any] | None, faults: dict[str, tuple[FaultLine, ...]]
    ) -> PluginStatus:
        name, manifest = candidate.name, candidate.manifest
        state, reason = snapshot.states.get(name, ("broken", candidate.error))
        broken = self.loader.broken.get(name)
        nodes = {n: Node(c.manifest.version, c.manifest.requires) for n, c in self.candidates.items() if c.manifest}
        return PluginStatus(
            name,
            manifest.title if manifest else name,
            manifest.version if manifest else "",
            cast(State, state),
            reason,
            broken.trace if broken else "",
            requires=manifest.requires if manifest else {},
            uses=manifest.uses if manifest else (),
            dependants=direct_dependants(name, nodes),
            protected=manifest is not None and manifest.protected,
            origin=candidate.origin,
            pending_migrations=self.states.schema(name).pending if row and name in self.loader.plugins else (),
            wanted=row.wanted if row else "",
            training=manifest is not None and manifest.training,
            changed_by=row.changed_by if row else "",
            changed_why=row.changed_why if row else "",
            changed_at=row.changed_at if row else None,
            faults=faults.get(name, ()),
        )

    # -- switching ----------------------------------------------------------------------------------------------------

    def plan(self, name: str, to: str) -> SwitchPlan:
        """What switching ``name`` to ``enable`` or ``disable`` would do now. KeyError for an unknown plugin."""
        return self.switch.plan(name, to)

    def enable(self, name: str, by: str, reason: str, *, migrate: bool = True) -> int:
        """Run its migrations and switch it on for every worker's next request; returns the new epoch.

        Call it outside of a transaction that writes: it needs one of its own.

        Raises:
            KeyError: no such plugin.
            SwitchRefused: it is broken, something it requires is off, a migration or ``crm_enabled`` failed, or, with
                ``migrate=False``, migrations are pending.
        """
        return self.switch.enable(name, by, reason, migrate)

    def disable(self, name: str, by: str, reason: str) -> int:
        """Switch it off for every worker's next request; its data stays. Returns the new epoch.

        Raises:
            KeyError: no such plugin.
            SwitchRefused: it is protected, or an enabled plugin requires it.
        """
        return self.switch.disable(name, by, reason)

    def refresh(self) -> None:
        """Look at schemas and decisions again, here and in every worker: call it after migrations have run."""
        self.states.forget_schemas()
        if self.snapshots.refresh().epoch:
            with store.writing(self.engine) as connection:
                store.bump(connection)
            self.snapshots.read()
        self.states.write_back()

    def wait_drained(self, epoch: int, timeout: float = 30.0) -> bool:
        """Wait until no worker serves anything older than ``epoch``; False when that took longer than ``timeout``."""
        return wait_drained(self.engine, epoch, timeout, self.watch.limits)

    def unload(self) -> None:
        """Drop every plugin's modules and tables from this process. For tests that start several apps in one."""
        self.watch.stop()
        appcontext_popped.disconnect(self._context_popped, self.app)
        for name in reversed(self.loader.plugins):
            forget(name, self.loader.plugins[name].candidate.module)
