"""Take a plugin out for good: asked for by one person, approved by another, backed up, and then nothing left.

The steps can be repeated from the beginning after an interruption at any moment: switch off, wait until no worker
serves it, back up, let it say farewell, downgrade to base, take its rows out of the core's tables.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, inspect, text

from core.approvals import service as approvals
from core.approvals.models import Approval
from core.db.base import CORE, tables_of
from core.db.session import system_session
from core.db.sqlite import reading
from core.db.types import now
from core.host import migrations, store
from core.host.kinds import PURGE
from core.host.manifest import NAME
from core.host.rows import SETTINGS, core_rows, count, own_names
from core.host.schema import backup
from core.host.schema.ownership import references_into, tables_in
from core.host.status import PluginStatus, SwitchRefused
from core.monitoring import audit

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from core.host import Host

log = logging.getLogger(__name__)

DRAIN = 60.0
"""Seconds to wait for requests and jobs that began before the plugin was switched off."""


class PurgeRefused(Exception):
    """The plugin cannot be purged now; the message says why."""


@dataclass(frozen=True, slots=True)
class Impact:
    """What a purge would take away, and what stands in its way. Counts are rows now."""

    name: str
    title: str
    state: str
    tables: Mapping[str, int]
    core_rows: Mapping[str, int]
    partitions: int
    references: tuple[str, ...]
    refused: str = ""


def impact(host: Host, name: str) -> Impact:
    """What purging ``name`` would take away. KeyError for a plugin nobody knows."""
    status = _status(host, name)
    with reading(), host.engine.connect() as connection:
        tables = {table: count(connection, table, "1 = 1") for table in tables_in(connection, name)}
        rows = {table: count(connection, table, where) for table, where in core_rows(connection, name).items()}
        references = tuple(str(reference) for reference in references_into(connection, name))
    refused = _against(host, status, references)
    found = {table: count for table, count in rows.items() if count}
    return Impact(name, status.title, status.state, tables, found, rows.get("core_partition", 0), references, refused)


def request(host: Host, session: Session, name: str, by: str, reason: str) -> Approval:
    """Ask for a purge; another person approves it.

    Raises:
        PurgeRefused: it could not be carried out anyway.
        approvals.AlreadyOpen: somebody has asked already.
    """
    found = impact(host, name)
    if found.refused:
        raise PurgeRefused(found.refused)
    before = {"tables": dict(found.tables), "core_rows": dict(found.core_rows), "state": found.state}
    return approvals.submit(session, PURGE, name, by=by, payload={"plugin": name}, before=before, reason=reason)


def carry_out(host: Host, name: str, number: int) -> Path:
    """Purge ``name`` as approved by request ``number``; returns the backup's file.

    Interrupted or failed, it can be called again with the same request.

    Raises:
        PurgeRefused: not approved, or something stands in the way; the reason is kept with the request.
    """
    with system_session("purge: read the approval") as session:
        approval = approvals.get(session, number)
        told = (approval.kind, approval.subject, approval.state, approval.requested_by, approval.decided_by or "")
    if told[:2] != (PURGE, name):
        raise PurgeRefused(f"request {number} is not about purging {name}")
    if told[2] not in {"approved", "failed"}:
        raise PurgeRefused(f"request {number} is {told[2]}")
    try:
        file = _purge(host, name, by=f"{told[3]}, approved by {told[4]}", number=number)
    except (PurgeRefused, SwitchRefused, migrations.MigrationError, OSError) as error:
        _finish(number, str(error))
        raise PurgeRefused(str(error)) from error
    _finish(number, "")
    return file


def _purge(host: Host, name: str, by: str, number: int) -> Path:
    found = impact(host, name)
    if found.refused:
        raise PurgeRefused(found.refused)
    _switch_off(host, name, by, number)
    file = _back_up(host, name, number)
    _farewell(host, name)
    paths = _partition_files(host.engine, name)
    migrations.downgrade(host.engine, name)
    _forget(host, name, by, number, file)
    for path in paths:
        (host.config.warehouse / path).unlink(missing_ok=True)
    host.refresh()
    return file


def _switch_off(host: Host, name: str, by: str, number: int) -> None:
    """Also what is off already: a worker may still be answering a request that began before."""
    if name in host.candidates and _status(host, name).wanted == "enabled":
        host.disable(name, by, f"purge, request {number}")
    epoch = store.read_epoch(host.engine)
    if epoch is not None and not host.wait_drained(epoch, DRAIN):
        raise PurgeRefused(f"after {DRAIN:g} seconds a worker still answers a request that began before the switch")
    busy = f"{own_names('job', name)} AND state = 'running'"
    with reading(), host.engine.connect() as connection:
        if inspect(connection).has_table("core_job_run") and count(connection, "core_job_run", busy):
            raise PurgeRefused(f"a job of {name} is running; wait for it or stop it, and try again")


def _back_up(host: Host, name: str, number: int) -> Path:
    """After the drain, so that no row is written between backup and downgrade."""
    target = host.config.instance / "backups" / f"{name}-purge-{number}-{now():%Y%m%dT%H%M%S}.jsonl.gz"
    with reading(), host.engine.connect() as connection:
        rows = {t: where for t, where in core_rows(connection, name).items() if t in SETTINGS}
    backup.write(host.engine, name, _status(host, name).version, rows, target)
    return target


def _farewell(host: Host, name: str) -> None:
    implementation = host.dispatch.implementation(name, "crm_uninstalling")
    if implementation is None:
        return
    with system_session(f"purge {name}") as session:
        given = {"session": session} if "session" in implementation.accepts else {}
        try:
            implementation.function(**given)
            session.commit()
        except Exception as error:  # a plugin's own code
            session.rollback()
            raise PurgeRefused(f"{name} refuses to go: {type(error).__name__}: {error}") from error


def _partition_files(engine: Engine, name: str) -> list[str]:
    with reading(), engine.connect() as connection:
        if not inspect(connection).has_table("core_partition"):
            return []
        where = own_names("feed", name)
        return [str(path) for path in connection.scalars(text(f"SELECT path FROM core_partition WHERE {where}"))]


def _forget(host: Host, name: str, by: str, number: int, file: Path) -> None:
    """Take its rows out of the core's tables. The audit trail and the approval stay: they are the bank's, not its."""
    candidate = host.candidates.get(name)
    with host.transaction(f"purge {name}") as session:
        connection = session.connection()
        rows = core_rows(connection, name)
        for table in reversed(tables_of(CORE)):  # children first
            if table.name in rows:
                connection.execute(text(f"DELETE FROM {table.name} WHERE {rows[table.name]}"))
        if candidate is not None and candidate.ours:
            # Its code stays in the tree; without a row it would count as new, and new ones of ours are on.
            row = {"name": name, "wanted": "disabled", "state": "disabled", "changed_why": f"purged, request {number}"}
            connection.execute(store.plugins.insert(), {**row, "changed_by": by[:100], "changed_at": now()})
        audit.record(
            session,
            "plugin.purged",
            subject="core.plugin",
            key=name,
            detail={"by": by, "backup": file.name},
            reason=f"request {number}",
        )
        session.flush()
        store.bump(connection)


def _finish(number: int, error: str) -> None:
    with system_session("purge: note the outcome") as session:
        approvals.finish(session, number, error=error)
        session.commit()


def _against(host: Host, status: PluginStatus, references: tuple[str, ...]) -> str:
    """Why it cannot be purged; empty when it can."""
    if status.protected:
        return f"{status.name} is protected"
    if references:
        return f"installed schemas refer to it: {'; '.join(references)}"
    states = {s.name: s for s in host.plugins()}
    on = sorted(n for n in status.dependants if n in states and states[n].wanted == "enabled")
    if on:
        return f"{status.name} is required by {', '.join(on)}; disable first what requires it"
    schema = migrations.state(host.engine, status.name)
    if schema.condition in {"newer", "unreadable"} and schema.installed:
        return f"its tables cannot be taken back: {schema.reason}"
    return ""


def _status(host: Host, name: str) -> PluginStatus:
    for status in host.plugins():
        if status.name == name and NAME.fullmatch(name):  # a folder with another name is listed, and has nothing
            return status
    raise KeyError(name)
