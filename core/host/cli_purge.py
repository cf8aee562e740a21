"""``crm plugin purge``: report, request, approval, restore."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click
from flask.cli import with_appcontext

from core.approvals import service as approvals
from core.db.session import system_session
from core.host import kinds, migrations, purge
from core.host.cli_kit import approver, host, known, switcher
from core.host.schema import backup
from core.permissions.cli_kit import FAILED, WAITING, as_json_option, by_option, fail, jsonable, say


@click.command("purge")
@click.argument("name")
@by_option
@click.option("--reason", default="", help="Why; the person who approves reads it.")
@click.option("--approve", type=int, help="Number of the request to approve and carry out.")
@click.option("--reject", type=int, help="Number of the request to reject.")
@click.option("--withdraw", type=int, help="Number of your own request to take back.")
@click.option("--restore", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Bring a backup back.")
@as_json_option
@with_appcontext
@known
def command(
    name: str,
    by: str,
    reason: str,
    approve: int | None,
    reject: int | None,
    withdraw: int | None,
    restore: Path | None,
    as_json: bool,
) -> None:
    """Take a module out with all its data: report, request, approval by another person, backup, nothing left.

    Without options: the report. With --by: the request. With --by and --approve: carried out.
    Who asks holds what switching a module needs; who approves or rejects holds core.purge.approve.
    """
    chosen = [option for option in (approve, reject, withdraw, restore) if option is not None]
    if len(chosen) > 1 or (not by and (chosen or reason)):
        raise click.UsageError("give --by, and at most one of --approve, --reject, --withdraw, --restore")
    if not by:
        _report(name, as_json)
        return
    decides = approve is not None or reject is not None
    me = (approver if decides else switcher)(as_json, by)
    try:
        if restore is not None:
            _restore(name, restore, as_json)
        elif approve is not None:
            _approve(name, approve, me, reason, as_json)
        elif reject is not None or withdraw is not None:
            _decline(name, cast(int, reject or withdraw), me, reason, as_json, withdrawn=withdraw is not None)
        else:
            _request(name, me, reason, as_json)
    except (purge.PurgeRefused, approvals.ApprovalError, migrations.MigrationError, ValueError) as error:
        fail(as_json, str(error), plugin=name)


def _report(name: str, as_json: bool) -> None:
    found = purge.impact(host(), name)
    lines = [f"{table}: {count}" for table, count in (*found.tables.items(), *found.core_rows.items())]
    lines += [f"Refused: {found.refused}"] if found.refused else []
    say(as_json, jsonable(found), f"{name}  {found.title}  {found.state}", *lines, code=FAILED if found.refused else 0)


def _request(name: str, by: str, reason: str, as_json: bool) -> None:
    if not reason:
        raise click.UsageError("a request needs a --reason")
    with system_session("request a purge") as session:
        number = purge.request(host(), session, name, by, reason).id
        session.commit()
    line = f"Request {number} waits for another person: crm plugin purge {name} --approve {number} --by …"
    say(as_json, {"plugin": name, "request": number, "state": "pending"}, line, code=WAITING)


def _approve(name: str, number: int, by: str, reason: str, as_json: bool) -> None:
    with system_session("approve a purge") as session:
        found = approvals.get(session, number)
        if (found.kind, found.subject) != (kinds.PURGE, name):
            raise purge.PurgeRefused(f"request {number} is not about purging {name}")
        # Approved before and interrupted: the same person goes on with it.
        if not (found.state in {"approved", "failed"} and found.decided_by == by):
            approvals.approve(session, number, by=by, reason=reason)
        session.commit()
    file = purge.carry_out(host(), name, number)
    values = {"plugin": name, "request": number, "state": "purged", "backup": str(file)}
    say(as_json, values, f"{name} is gone; its data is in {file}")


def _decline(name: str, number: int, by: str, reason: str, as_json: bool, *, withdrawn: bool) -> None:
    decide = approvals.withdraw if withdrawn else approvals.reject
    with system_session("decline a purge") as session:
        state = decide(session, number, by=by, reason=reason).state
        session.commit()
    say(as_json, {"plugin": name, "request": number, "state": state}, f"{number}: {state}")


def _restore(name: str, file: Path, as_json: bool) -> None:
    if backup.contents(file)[0].plugin != name:
        raise ValueError(f"{file} is not a backup of {name}")
    header = backup.restore(host().engine, file)
    host().refresh()
    rows = sum(header.tables.values())
    values = {"plugin": name, "revision": header.revision, "rows": rows}
    say(as_json, values, f"{name}: {rows} rows are back; enable it to use them")
