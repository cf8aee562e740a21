"""``crm source``, ``crm batch`` and ``crm warehouse``. Exit codes: 0 done, 1 failed, 2 wrong use, 3 held."""

from __future__ import annotations

import json
import re
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
from core.warehouse import partitions, quarantine
from core.warehouse.batch import BatchBusy, Report, release, run
from core.warehouse.convert import converters
from core.warehouse.feeds import feeds
from core.warehouse.source_file import read
from core.warehouse.sources import Source, SourceError

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
day_option = click.option("--date", "day", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="Business day.")


source = AppGroup("source", help="Descriptions of how source systems deliver their files.")
batch = AppGroup("batch", help="The nightly run.")
warehouse = AppGroup("warehouse", help="What is published.")


def _say(values: dict[str, Any], as_json: bool, text: Callable[[], str]) -> None:
    click.echo(json.dumps(values, ensure_ascii=False, default=str) if as_json else text())


def _files() -> list[Path]:
    folder: Path = current_app.config["CRM"].sources
    return sorted(folder.glob("*.toml"))


def _one(name: str) -> Source:
    for path in _files():
        if path.stem == name:
            try:
                return read(path)
            except SourceError as error:
                click.echo(str(error), err=True)
                sys.exit(1)
    known = ", ".join(path.stem for path in _files()) or "none"
    raise click.UsageError(f"no source {name!r} in {current_app.config['CRM'].sources}; there is {known}")


def _all() -> tuple[list[Source], list[str]]:
    found, problems = [], []
    for path in _files():
        try:
            found.append(read(path))
        except SourceError as error:
            problems.append(str(error))
    return found, problems


def problems_of(described: Source) -> list[str]:
    """What does not fit between a description and the feeds of the enabled modules."""
    known, found = feeds(), []
    for table in described.tables:
        feed, place = known.get(table.feed), (described.name + ".toml", table.name)
        if feed is None:
            found.append(str(SourceError(*place, "feed", f"no enabled module takes {table.feed}", "Switch it on.")))
            continue
        if feed.mode != table.mode:
            found.append(
                str(SourceError(*place, "mode", f"{feed.name} is {feed.mode}", f'Write mode = "{feed.mode}".'))
            )
        try:
            names = table.names or [f for rule in table.columns for f in rule.fields if isinstance(f, str)]
            converters(table, feed, names)
        except SourceError as error:
            found.append(str(SourceError(*place, error.key, error.problem, error.mend)))
    return found


@source.command("list")
@as_json
def source_list(as_json: bool) -> None:
    """Name, system and legal entity of each description."""
    rows = []
    for path in _files():
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
        target = add(file, current_app.config["CRM"].sources, folder)
    except SourceError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    _say({"source": target.stem}, as_json, lambda: f"added {target}")


def add(file: Path, sources: Path, folder: Path | None = None) -> Path:
    """Copy a description into ``sources``, its folder replaced by ``folder`` when given. Raises ``SourceError``."""
    text = file.read_text("utf-8")
    if folder is not None:
        where = json.dumps(str(folder.resolve()), ensure_ascii=False)
        text = re.sub(r"(?m)^folder\s*=.*$", lambda _: f"folder = {where}", text, count=1)
    read(file)
    sources.mkdir(parents=True, exist_ok=True)
    target = sources / file.name
    target.write_text(text, "utf-8")
    return target


@source.command("check")
@click.argument("name", required=False)
@as_json
def source_check(name: str | None, as_json: bool) -> None:
    """Say what is wrong with one description, or with all."""
    found, problems = ([_one(name)], []) if name else _all()
    problems += [problem for described in found for problem in problems_of(described)]
    _say({"ok": not problems, "problems": problems}, as_json, lambda: "\n".join(problems) or "nothing wrong")
    sys.exit(1 if problems else 0)


@source.command("load")
@click.argument("name")
@click.option("--table", help="Release only this table.")
@click.option("--release", "let_pass", is_flag=True, help="Let held files pass.")
@day_option
@as_json
def source_load(name: str, table: str | None, let_pass: bool, day: datetime | None, as_json: bool) -> None:
    """Load what one source has delivered."""
    described, upto = _one(name), day.date() if day else None
    if let_pass:
        count = release(described, table, upto)
        click.echo(f"released {count} held file{'' if count == 1 else 's'}", err=True)
    _run([described], upto, as_json, [])


@batch.command("run")
@day_option
@as_json
def batch_run(day: datetime | None, as_json: bool) -> None:
    """Load what every source has delivered, up to a day, and publish each day that is complete."""
    found, problems = _all()
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
    values = {"loads": [asdict(outcome) for outcome in report.loads], "waiting": report.waiting}
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
    return "\n".join(lines + report.waiting) or "nothing new"


@warehouse.command("status")
@as_json
def warehouse_status(as_json: bool) -> None:
    """The newest published day, days, rows and refused lines of each table."""
    with system_session("warehouse status") as session:
        rows = [asdict(row) for row in partitions.status(session)]
    text = "{source} {table}: {date}, {days} days, {rows:,} rows, {rejected:,} refused"
    _say({"tables": rows}, as_json, lambda: "\n".join(text.format_map(row) for row in rows) or "nothing published")


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
