"""``crm source``, ``crm batch``, ``crm warehouse``. Exits: 0 done, 1 failed, 2 wrong use, 3 held, late or untaken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from core.db.session import system_session
from core.permissions.cli_kit import operator
from core.warehouse import descriptions, holds, partitions, quarantine
from core.warehouse.batch import BatchBusy, run
from core.warehouse.report import Report
from core.warehouse.source_file import read
from core.warehouse.sources import Source, SourceError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
day_option = click.option("--date", "day", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="Business day.")


source = AppGroup("source", help="Descriptions of how source systems deliver their files.")
batch = AppGroup("batch", help="The nightly run.")
warehouse = AppGroup("warehouse", help="What is published.")


def _say(values: dict[str, Any], as_json: bool, text: Callable[[], str]) -> None:
    click.echo(json.dumps(values, ensure_ascii=False, default=str) if as_json else text())


def _one(name: str) -> Source:
    try:
        return descriptions.one(name)
    except SourceError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except LookupError as error:
        raise click.UsageError(str(error)) from None


@source.command("list")
@as_json
def source_list(as_json: bool) -> None:
    """Name, system and legal entity of each description."""
    rows = []
    for path in descriptions.files():
        try:
            found = read(path)
            tables = [table.name for table in found.tables]
            rows.append({"name": found.name, "system": found.system, "legal_entity": found.legal_entity,
                         "tables": tables, "error": ""})  # fmt: skip
        except SourceError as error:
            rows.append({"name": path.stem, "system": "", "legal_entity": "", "tables": [], "error": str(error)})
    lines = [f"{r['name']}  {r['error'] or '{system}  {legal_entity}'.format_map(r)}" for r in rows]
    _say({"sources": rows}, as_json, lambda: "\n".join(lines) or "no sources")


@source.command("add")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--folder", type=click.Path(path_type=Path), help="Where the files lie, in place of what it says.")
@as_json
def source_add(file: Path, folder: Path | None, as_json: bool) -> None:
    """Check a description and put it into the instance."""
    try:
        target = descriptions.add(file, current_app.config["CRM"].sources, folder)
    except SourceError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    _say({"source": target.stem}, as_json, lambda: f"added {target}")


@source.command("check")
@click.argument("name", required=False)
@as_json
def source_check(name: str | None, as_json: bool) -> None:
    """Say what is wrong with one description, or with all."""
    found, problems = ([_one(name)], []) if name else descriptions.readable()
    problems += [problem for described in found for problem in descriptions.problems_of(described)]
    _say({"ok": not problems, "problems": problems}, as_json, lambda: "\n".join(problems) or "nothing wrong")
    sys.exit(1 if problems else 0)


@source.command("load")
@click.argument("name")
@click.option("--table", help="Release only this table.")
@click.option("--release", "let_pass", is_flag=True, help="Let held files pass; needs --by and --reason.")
@click.option("--by", default="", help="Your user name, for the audit trail.")
@click.option("--reason", default="", help="Why the file is right, for the audit trail.")
@day_option
@as_json
def source_load(
    name: str, table: str | None, let_pass: bool, by: str, reason: str, day: datetime | None, as_json: bool
) -> None:
    """Load what one source has delivered."""
    described, upto = _one(name), day.date() if day else None
    if let_pass:
        _release(described, table, upto, by, reason, as_json)
    elif table or by or reason:
        raise click.UsageError("--table, --by and --reason go with --release")
    _run([described], upto, as_json, [])


def _release(described: Source, table: str | None, day: date | None, by: str, reason: str, as_json: bool) -> None:
    if not by.strip() or not reason.strip():
        raise click.UsageError("--release needs --by and --reason: who looked at the file, and why it is right")
    names = [one.name for one in described.tables]
    if table is not None and table not in names:
        raise click.UsageError(f"{described.name} has no table {table!r}; there are {', '.join(names)}")
    operator(as_json, by, holds.RELEASE.name)
    count = holds.release(described.name, table, day, reason)
    click.echo(f"released {count} held file{'' if count == 1 else 's'}", err=True)


@batch.command("run")
@day_option
@as_json
def batch_run(day: datetime | None, as_json: bool) -> None:
    """Load what every source has delivered, up to a day, and publish each day that is complete."""
    found, problems = descriptions.readable()
    _run(found, day.date() if day else None, as_json, problems)


def _run(sources: list[Source], upto: date | None, as_json: bool, problems: list[str]) -> None:
    shows = sys.stderr.isatty() and not as_json
    try:
        report = run(sources, upto, _progress if shows else None)
    except BatchBusy as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if shows:
        click.echo("\r\x1b[K", nl=False, err=True)
    for problem in problems:
        click.echo(problem, err=True)
    values = {
        "loads": [asdict(outcome) for outcome in report.loads], "waiting": report.waiting, "untaken": report.untaken,
        "overdue": report.overdue,
    }  # fmt: skip
    _say(values, as_json, lambda: _text(report))
    sys.exit(report.exit_code or (1 if problems else 0))


def _progress(table: str, rows: int) -> None:
    click.echo(f"\r\x1b[K{table}: {rows:,}", nl=False, err=True)


def _text(report: Report) -> str:
    lines = [
        f"{o.source} {o.date} {o.table}: {o.state}"
        + (f", {o.loaded:,} of {o.read:,} rows, {o.rejected:,} refused" if o.state == "published" else f": {o.message}")
        for o in report.loads
    ]
    return "\n".join(lines + report.waiting + report.untaken + report.overdue) or "nothing new"


@warehouse.command("status")
@as_json
def warehouse_status(as_json: bool) -> None:
    """The newest published day, days, rows and refused lines of each table; and the files that are held."""
    with system_session("warehouse status") as session:
        rows, held = [asdict(row) for row in partitions.status(session)], [asdict(file) for file in holds.held(session)]
    text = "{source} {table}: {date}, {days} days, {rows:,} rows, {rejected:,} refused"
    why = "{source} {date} {table}: held: {message}"
    lines = [text.format_map(row) for row in rows] + [why.format_map(file) for file in held]
    _say({"tables": rows, "held": held}, as_json, lambda: "\n".join(lines) or "nothing published")


@warehouse.command("rejects")
@click.argument("name")
@click.option("--table", help="Only this table.")
@day_option
@as_json
def warehouse_rejects(name: str, table: str | None, day: datetime | None, as_json: bool) -> None:
    """Why lines of a source were refused; shows no content."""
    with system_session("warehouse rejects") as session:
        rows = [asdict(row) for row in quarantine.reasons(session, name, table, day.date() if day else None)]
    text = "{date} {table}: {reason} {column}: {rows:,} lines, first {lines}"
    _say({"rejects": rows}, as_json, lambda: "\n".join(text.format_map(row) for row in rows) or "nothing refused")
