"""From what people decided, what the loader found and what the schemas say, to the state of each plugin."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from core.contract.protocols import PluginFailed
from core.db.sqlite import reading
from core.host import faults, store
from core.host.loader import Loading
from core.host.schema.state import state
from core.host.snapshot import Snapshot

if TYPE_CHECKING:
    from core.host import Host

log = logging.getLogger(__name__)

NO_TABLES = "the core's tables are not there yet; run crm migrate"


@dataclass(frozen=True, slots=True)
class Schema:
    """What of a plugin's schema matters here: ``condition`` as in ``core.host.migrations.state``."""

    condition: str
    installed: bool
    pending: tuple[str, ...]
    reason: str


class States:
    """Works out the states; a schema once found current is not examined again until asked to."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._schemas: dict[str, Schema] = {}
        self._written: Snapshot | None = None

    def build(self, epoch: int) -> Snapshot:
        """The snapshot of ``epoch``; 0 means that the core's own tables are missing."""
        broken = {name: ("broken", why.reason) for name, why in self._host.loader.broken.items()}
        if epoch == 0:
            waiting = dict.fromkeys(self._host.loader.plugins, ("pending", NO_TABLES))
            return Snapshot(0, frozenset(), MappingProxyType({**waiting, **broken}))
        rows = self.rows()
        with store.reading(self._host.engine) as connection:
            to_replay = self._host.dispatch.journal.waiting(connection)
        states: dict[str, tuple[str, str]] = {}
        for name, plugin in self._host.loader.plugins.items():
            states[name] = self._state(name, plugin, rows[name].wanted, states)
            if states[name][0] == "enabled" and name in to_replay:
                states[name] = self._caught_up(name)
        enabled = frozenset(name for name, (state, _) in states.items() if state == "enabled")
        closed = MappingProxyType(faults.closed(self._host.engine))
        states.update(broken)
        failing = {name for name, (state, _) in states.items() if state in {"broken", "pending"}}
        silent = frozenset(name for name in failing if name in rows and rows[name].wanted == "enabled")
        return Snapshot(epoch, enabled, MappingProxyType(states), closed, silent)

    def _state(self, name: str, plugin: Loading, wanted: str, before: Mapping[str, tuple[str, str]]) -> tuple[str, str]:
        schema = self.schema(name)
        if schema.condition in {"newer", "unreadable"}:
            return "broken", schema.reason
        if wanted == "discovered":
            return "discovered", "nobody has enabled it yet"
        if schema.condition == "pending" and (wanted == "enabled" or schema.installed):
            return "pending", f"its code is newer than its schema; to run: {', '.join(schema.pending)}"
        if plugin.manifest.training and not self._host.config.training:
            return "disabled", "it works in training mode only"
        if wanted == "disabled":
            return "disabled", ""
        for required in sorted(plugin.manifest.requires):
            state = before[required][0]
            if state != "enabled":
                return ("pending" if state == "pending" else "disabled"), f"requires {required}, which is {state}"
        return "enabled", ""

    def schema(self, name: str) -> Schema:
        """Where the plugin's schema stands. Never raises for what its migration files contain."""
        known = self._schemas.get(name)
        if known is not None and known.condition in {"current", "none"}:
            return known
        with reading():
            found = state(self._host.engine, name)
        self._schemas[name] = Schema(found.condition, found.installed, tuple(found.pending), found.reason)
        return self._schemas[name]

    def forget_schemas(self) -> None:
        """Look again: migrations have run."""
        self._schemas.clear()

    def _caught_up(self, name: str) -> tuple[str, str]:
        """Replay what it missed, unless it is on already and only one call of it failed."""
        if name in self._host.snapshots.latest.enabled:
            return "enabled", ""
        try:
            with self._host.transaction(f"replay for {name}") as session:
                self._host.dispatch.journal.replay(session, name)
        except PluginFailed as error:
            return "pending", f"it could not follow what happened while it was off: {error.failure.reason}"
        return "enabled", ""

    # -- core_plugin --------------------------------------------------------------------------------------------------

    def rows(self) -> dict[str, Row[Any]]:
        """What is written about each plugin; those found for the first time are written down first."""
        rows = self._read()
        missing = [name for name in self._host.names if name not in rows]
        if missing:
            for name in missing:
                self._write_new(name)
            rows = self._read()
        return rows

    def _read(self) -> dict[str, Row[Any]]:
        with store.reading(self._host.engine) as connection:
            return {row.name: row for row in connection.execute(select(store.plugins))}

    def _write_new(self, name: str) -> None:
        candidate = self._host.candidates[name]
        manifest = candidate.manifest
        training = manifest is not None and manifest.training and not self._host.config.training
        wanted = "discovered" if not candidate.ours else "disabled" if training else "enabled"
        values = {"name": name, "wanted": wanted, "state": "discovered", "origin": candidate.origin[:500]}
        try:
            with store.writing(self._host.engine) as connection:
                connection.execute(insert(store.plugins), values)
        except IntegrityError:
            pass  # another process found it at the same time

    def write_back(self) -> None:
        """Keep the states in ``core_plugin`` for those who look without loading plugins. Best effort."""
        snapshot = self._host.snapshots.latest
        if snapshot.epoch == 0 or snapshot is self._written:
            return
        try:
            rows = self._read()
            for name, (state, reason) in snapshot.states.items():
                self._write(name, rows.get(name), state, reason)
            self._written = snapshot
        except SQLAlchemyError as error:
            log.warning("the states of plugins could not be kept: %s", error)

    def _write(self, name: str, row: Row[Any] | None, state: str, reason: str) -> None:
        manifest = self._host.candidates[name].manifest
        values: dict[str, Any] = {"state": state, "reason": reason}
        if manifest is not None:
            values |= {"title": manifest.title[:200], "version": manifest.version[:64]}
        if state == "enabled":
            values["enabled_once"] = True
        if row is not None and any(getattr(row, key) != value for key, value in values.items()):
            with store.writing(self._host.engine) as connection:
                connection.execute(update(store.plugins).where(store.plugins.c.name == name).values(values))
