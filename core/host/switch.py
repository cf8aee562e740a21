"""Switching a plugin on or off while people work: planned, refused with a reason, or done in one transaction."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from flask import has_app_context
from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from core.contract.protocols import PluginFailed
from core.db.session import request_session
from core.db.sqlite import reading
from core.db.types import now
from core.extensions import db
from core.host import store
from core.host.faults import Fault
from core.host.graph import Node, direct_dependants
from core.host.status import SwitchPlan, SwitchRefused

if TYPE_CHECKING:
    from core.host import Host
    from core.host.migrations import SchemaPlan

log = logging.getLogger(__name__)

To = Literal["enable", "disable"]


class Switch:
    """Plans and does switches. Two people switching at once wait for each other; the second is judged anew."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def plan(self, name: str, to: str) -> SwitchPlan:
        """What the switch would do now. KeyError for an unknown plugin, ValueError for another ``to``."""
        if to not in {"enable", "disable"}:
            raise ValueError(f"to must be 'enable' or 'disable', not {to!r}")
        if name not in self._host.candidates:
            raise KeyError(name)
        if to == "disable":
            refused, blocked = self._against_disabling(name, self._wanted())
            return SwitchPlan(name, "disable", refused, blocked, disappears=self.labels(name))
        refused, blocked = self._against_enabling(name, self._wanted())
        loaded = name in self._host.loader.plugins
        pending = self._host.states.schema(name).pending if loaded else ()
        schema = self._schema_plan(name) if pending else None
        return SwitchPlan(name, "enable", refused, blocked, pending, appears=self.labels(name), schema=schema)

    def labels(self, name: str) -> dict[str, tuple[str, ...]]:
        """What people see of a plugin: menus, panels, jobs by label, routes by path."""
        things = self._host.registry.things
        plugin = self._host.loader.plugins.get(name)
        return {
            "menus": tuple(item.label for item in things("crm_menus", name)),
            "panels": tuple(panel.title for panel in things("crm_panels", name)),
            "jobs": tuple(job.label for job in things("crm_jobs", name)),
            "routes": tuple(rule.rule for rule in plugin.trial.rules) if plugin else (),
        }

    def _schema_plan(self, name: str) -> SchemaPlan | None:
        from core.host import migrations

        try:
            with reading():
                return migrations.plan(self._host.engine, name)
        except migrations.MigrationError as error:
            log.warning("the migrations of %s cannot be told beforehand: %s", name, error)
            return None

    # -- doing --------------------------------------------------------------------------------------------------------

    def enable(self, name: str, by: str, reason: str, migrate: bool = True) -> int:
        """Run its migrations, replay what it missed, switch it on. See :meth:`core.host.Host.enable`."""
        self._check_known(name, by, reason)
        self._raise(*self._against_enabling(name, self._wanted()))
        _let_go()
        self._migrate(name, migrate)
        with self._host.transaction(f"enable {name}: {reason}") as session:
            connection = session.connection()
            self._raise(*self._against_enabling(name, self._wanted(connection)))
            row = self._row(connection, name)
            try:
                self._host.dispatch.journal.replay(session, name)
                self._first_time(session, name, bool(row.enabled_once))
                self._lifecycle(session, name, "crm_enabled")
            except PluginFailed as error:
                raise SwitchRefused(f"{name} cannot be enabled: {error.failure.reason}") from error
            epoch = self._write(session, row, "enabled", by, reason)
        return self._done(epoch)

    def disable(self, name: str, by: str, reason: str) -> int:
        """Switch it off; its data stays. See :meth:`core.host.Host.disable`."""
        self._check_known(name, by, reason)
        _let_go()
        with self._host.transaction(f"disable {name}: {reason}") as session:
            connection = session.connection()
            self._raise(*self._against_disabling(name, self._wanted(connection)))
            row = self._row(connection, name)
            try:
                with session.begin_nested():
                    self._lifecycle(session, name, "crm_disabled")
            except PluginFailed as error:
                # Its own farewell must not keep it on.
                said, trace = error.failure, traceback.format_exc()
                self._host.faults.note(Fault(name, said.hook, "raised", said.reason, trace, now()))
            epoch = self._write(session, row, "disabled", by, reason)
        return self._done(epoch)

    def _done(self, epoch: int) -> int:
        self._host.snapshots.read()
        self._host.states.write_back()
        return epoch

    def _check_known(self, name: str, by: str, reason: str) -> None:
        if name not in self._host.candidates:
            raise KeyError(name)
        if not by.strip() or not reason.strip():
            raise SwitchRefused("say who switches, and why")
        if self._host.snapshots.read().epoch == 0:
            raise SwitchRefused("the core's tables are not there yet; run crm migrate")

    @staticmethod
    def _raise(refused: str, blocked_by: tuple[str, ...]) -> None:
        if refused:
            raise SwitchRefused(refused, blocked_by)

    # -- may it -------------------------------------------------------------------------------------------------------

    def _against_enabling(self, name: str, wanted: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        broken = self._host.loader.broken.get(name)
        if broken is not None:
            return f"{name} is broken: {broken.reason}", ()
        manifest = self._host.loader.plugins[name].manifest
        if manifest.training and not self._host.config.training:
            return f"{name} works in training mode only", ()
        schema = self._host.states.schema(name)
        if schema.condition in {"newer", "unreadable"}:
            return f"{name} is broken: {schema.reason}", ()
        states = self._host.snapshots.latest.states
        off = [r for r in sorted(manifest.requires) if wanted.get(r) != "enabled" or states[r][0] != "enabled"]
        if off:
            return f"{name} requires {', '.join(off)}, which must be enabled first", tuple(off)
        return "", ()

    def _against_disabling(self, name: str, wanted: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
        candidate = self._host.candidates[name]
        if candidate.manifest is not None and candidate.manifest.protected:
            return f"{name} is protected: without it nobody could switch anything on again", ()
        nodes = {n: Node(p.manifest.version, p.manifest.requires) for n, p in self._host.loader.plugins.items()}
        on = tuple(n for n in direct_dependants(name, nodes) if wanted.get(n) == "enabled")
        if on:
            return f"{name} is required by {', '.join(on)}; disable first what requires it", on
        return "", ()

    def _wanted(self, connection: Connection | None = None) -> dict[str, str]:
        if connection is None:
            return {name: row.wanted for name, row in self._host.states.rows().items()}
        rows = connection.execute(select(store.plugins.c.name, store.plugins.c.wanted))
        return {row.name: row.wanted for row in rows}

    def _row(self, connection: Connection, name: str) -> Any:
        return connection.execute(select(store.plugins).where(store.plugins.c.name == name)).one()

    # -- steps --------------------------------------------------------------------------------------------------------

    def _migrate(self, name: str, migrate: bool) -> None:
        """Before the switch and outside its transaction, so that an interrupted migration can be run again."""
        from core.host import migrations

        pending = self._host.states.schema(name).pending
        if not pending:
            return
        if not migrate:
            raise SwitchRefused(f"{name} is pending: its code is newer than its schema; to run: {', '.join(pending)}")
        try:
            migrations.upgrade(self._host.engine, name)
        except migrations.MigrationError as error:
            raise SwitchRefused(f"the migration of {name} failed and has left nothing: {error}") from error

    def _first_time(self, session: Session, name: str, enabled_once: bool) -> None:
        if enabled_once:
            return
        for seed in self._host.registry.things("crm_seed", name):
            if not seed.demo:
                self._guarded(name, "crm_seed", lambda seed=seed: seed.run(session))

    def _lifecycle(self, session: Session, name: str, hook: str) -> None:
        implementation = self._host.dispatch.implementation(name, hook)
        if implementation is not None:
            given = {"session": session} if "session" in implementation.accepts else {}
            self._guarded(name, hook, lambda: implementation.function(**given))

    @staticmethod
    def _guarded(name: str, hook: str, what: Any) -> None:
        """Without the clock that watches calls in requests: building an index may take its time."""
        try:
            what()
        except (Exception, SystemExit) as error:
            raise PluginFailed(name, hook, f"{hook} raised {type(error).__name__}: {error}") from error

    def _write(self, session: Session, row: Any, wanted: str, by: str, reason: str) -> int:
        from core.monitoring import audit

        session.flush()
        connection = session.connection()
        values: dict[str, Any] = {"wanted": wanted, "changed_by": by[:100], "changed_why": reason, "changed_at": now()}
        if wanted == "enabled":
            values["enabled_once"] = True
        connection.execute(update(store.plugins).where(store.plugins.c.name == row.name).values(values))
        detail = {"by": by, "from": row.wanted, "to": wanted}
        audit.record(session, f"plugin.{wanted}", subject="core.plugin", key=row.name, detail=detail, reason=reason)
        session.flush()
        return store.bump(connection)


def _let_go() -> None:
    """On SQLite the session of a POST holds the write lock from its first look on; migrations would wait for it."""
    if has_app_context() and db.session.registry.has():
        request_session().release()
