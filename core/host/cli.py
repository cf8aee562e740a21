"""``crm plugin`` and ``crm migrate``. Exit codes: 0 done, 1 failed, 2 wrong use, 3 held or waiting for approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup, with_appcontext

from core.db.base import CORE
from core.host import Host, PluginStatus, SwitchRefused, cli_purge, migrations
from core.host.cli_kit import host, known, switcher
from core.monitoring.audit import SHORTEST_REASON
from core.permissions.cli_kit import FAILED, WRONG_USE, as_json_option, by_option, fail, jsonable, say

if TYPE_CHECKING:
    from core.host.checks import Finding

plugin = AppGroup("plugin", help="List, switch, check and write modules.")
plugin.add_command(cli_purge.command)


# -- looking -----------------------------------------------------------------------------------------------------------


@plugin.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """Every module with its state."""
    found = host().plugins()
    width = max((len(p.name) for p in found), default=0)
    lines = [f"{p.name:<{width}}  {p.version or '-':<9} {p.state:<10} {_remark(p)}".rstrip() for p in found]
    say(as_json, {"plugins": [_brief(p) for p in found]}, *lines)


def _remark(status: PluginStatus) -> str:
    """Why it is as it is, and its newest failure of the last day."""
    failed = f"failures in a day: {status.failures}, last {status.last_fault}" if status.last_fault else ""
    return "; ".join(filter(None, [status.reason, failed]))


def _brief(status: PluginStatus) -> dict[str, Any]:
    keys = ("name", "title", "version", "state", "reason", "origin", "protected", "pending_migrations", "failures")
    return {**{key: getattr(status, key) for key in keys}, "last_fault": status.last_fault}


@plugin.command()
@click.argument("name")
@as_json_option
@known
def show(name: str, as_json: bool) -> None:
    """One module: state, reason, what it requires and who requires it, its schema, its last failures."""
    status = next(p for p in host().plugins() if p.name == name)
    schema = migrations.state(host().engine, name)
    values = {**jsonable(status), "schema": schema}
    labels = {
        "State": f"{status.state} {status.reason}".strip(),
        "Version": status.version,
        "Origin": status.origin,
        "Requires": ", ".join(f"{n} {r}" for n, r in status.requires.items()),
        "Required by": ", ".join(status.dependants),
        "Schema": f"{schema.condition} {schema.current or '-'} → {schema.head or '-'}",
        "To migrate": ", ".join(schema.pending),
        "Last migration": schema.last_error,
    }
    lines = [f"{label}: {value}" for label, value in labels.items() if value]
    failed = [f"Failed: {fault}" for fault in status.faults]
    say(as_json, values, f"{status.name}  {status.title}", *lines, *failed, *status.trace.splitlines())


# -- switching ---------------------------------------------------------------------------------------------------------


@plugin.command()
@click.argument("name")
@by_option
@click.option("--reason", default="crm plugin enable", help="Why; kept in the audit trail.")
@click.option("--plan", "only_plan", is_flag=True, help="Tell what would happen, and do nothing.")
@as_json_option
@known
def enable(name: str, by: str, reason: str, only_plan: bool, as_json: bool) -> None:
    """Run a module's migrations and switch it on, without a restart."""
    _switch(name, "enable", by, reason, only_plan, as_json)


@plugin.command()
@click.argument("name")
@by_option
@click.option("--reason", default="crm plugin disable", help="Why; kept in the audit trail.")
@click.option("--plan", "only_plan", is_flag=True, help="Tell what would happen, and do nothing.")
@as_json_option
@known
def disable(name: str, by: str, reason: str, only_plan: bool, as_json: bool) -> None:
    """Switch a module off, without a restart. Its data stays."""
    _switch(name, "disable", by, reason, only_plan, as_json)


def _switch(name: str, to: str, by: str, reason: str, only_plan: bool, as_json: bool) -> None:
    here = host()
    if only_plan:
        plan = here.plan(name, to)
        sql = plan.schema.sql.splitlines() if plan.schema else []
        say(as_json, jsonable(plan), *([plan.refused] if plan.refused else []), *plan.migrations, *sql)
        return
    if len(" ".join(reason.split())) < SHORTEST_REASON:
        raise click.UsageError(f"a --reason has at least {SHORTEST_REASON} characters")
    who = switcher(as_json, by)
    try:
        epoch = getattr(here, to)(name, who, reason)
    except SwitchRefused as refused:
        fail(as_json, refused.reason, plugin=name, blocked_by=refused.blocked_by)
    status = next(p for p in here.plugins() if p.name == name)
    values = {"plugin": name, "state": status.state, "reason": status.reason, "epoch": epoch}
    say(as_json, values, f"{name}: {status.state} {status.reason}".rstrip())


# -- authors -----------------------------------------------------------------------------------------------------------


@plugin.command()
@click.argument("name_or_path")
@as_json_option
def check(name_or_path: str, as_json: bool) -> None:
    """Hold a plugin, by name or by folder, to the contract."""
    from core.host import checks

    try:
        findings = [*checks.run(name_or_path), *_loading(name_or_path)]
    except LookupError as error:
        fail(as_json, str(error.args[0] if error.args else error), WRONG_USE)
    lines = [f"{f.where}: {f.code} {f.message}" for f in findings] or ["No findings."]
    say(as_json, {"plugin": name_or_path, "findings": findings}, *lines, code=FAILED if findings else 0)


def _loading(name_or_path: str) -> list[Finding]:
    """What no file shows: this very command has loaded the plugins it found, and this one may have failed."""
    from core.host import checks

    here, folder = host(), checks.folder_of(name_or_path)
    own = {name for name, candidate in here.candidates.items() if candidate.path and candidate.path.resolve() == folder}
    broken = [p.reason for p in here.plugins() if p.name in own and p.state == "broken"]
    return [checks.Finding("CRM000", f"it does not load: {reason}", "plugin.py") for reason in broken]


@plugin.command()
@click.argument("name")
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), default=Path("."), help="Where to put it.")
@click.option("--title", default="", help="What people call it.")
@as_json_option
def new(name: str, folder: Path, title: str, as_json: bool) -> None:
    """Write a new plugin that passes its own tests and the contract."""
    from core.host import scaffold

    try:
        made = scaffold.create(name, folder, title=title or name.replace("_", " ").capitalize())
    except (ValueError, FileExistsError) as error:
        fail(as_json, str(error), WRONG_USE)
    say(as_json, {"plugin": name, "folder": str(made)}, f"{name} is in {made}")


@plugin.command()
@click.argument("name")
@click.option("-m", "--message", required=True, help="What changes, in a few words.")
@as_json_option
def revision(name: str, message: str, as_json: bool) -> None:
    """Write the next migration file of a plugin (or of "core") from its models."""
    try:
        file = migrations.revision(name, message)
    except migrations.MigrationError as error:
        fail(as_json, str(error), plugin=name)
    say(as_json, {"plugin": name, "file": str(file)}, str(file))


# -- migrate -----------------------------------------------------------------------------------------------------------


@click.command()
@as_json_option
@with_appcontext
def migrate(as_json: bool) -> None:
    """Bring the core's schema and then each module's up to its code, each by itself.

    A module whose migration fails is reported and the others go on. Modules nobody has enabled are left alone.
    """
    here = host()
    done: dict[str, dict[str, Any]] = {}
    if not _migrate_one(here, CORE, done, as_json):
        say(as_json, {"schemas": done}, code=FAILED)
    here.refresh()
    for status in here.plugins():
        schema = migrations.state(here.engine, status.name)
        if status.wanted == "enabled" or schema.installed:
            _migrate_one(here, status.name, done, as_json, status)
    here.refresh()
    say(as_json, {"schemas": done}, code=FAILED if any("error" in d for d in done.values()) else 0)


def _migrate_one(
    here: Host, name: str, done: dict[str, dict[str, Any]], as_json: bool, status: PluginStatus | None = None
) -> bool:
    """Upgrade one owner and note it in ``done``; False when it failed."""
    if status is not None and name not in here.loader.plugins:
        done[name] = {"skipped": status.reason}
    else:
        try:
            done[name] = {"applied": migrations.upgrade(here.engine, name)}
        except migrations.MigrationError as error:
            done[name] = {"error": error.reason}
    if not as_json:
        click.echo(f"{name}: {_told(done[name])}", err="error" in done[name])
    return "error" not in done[name]


def _told(outcome: dict[str, Any]) -> str:
    if "error" in outcome:
        return f"failed, nothing was changed: {outcome['error']}"
    if "skipped" in outcome:
        return f"left out, because it is broken: {outcome['skipped']}"
    return ", ".join(outcome["applied"]) or "up to date"
