"""``crm sample``: writes the practice bank's files, and its source description when there is none."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path

import click
from flask import current_app

from plugins.samplebank.bank import LAST_DAY, write

DESCRIPTION = Path(__file__).with_name("samplebank_core.toml")


@click.command()
@click.option("--customers", type=click.IntRange(1, 5_000_000), default=20_000, show_default=True)
@click.option("--days", type=click.IntRange(0, 30), default=3, show_default=True, help="Nights after the bulk day.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), default=f"{LAST_DAY}", show_default=True, help="Last night.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Default: deliveries/samplebank.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sample(customers: int, days: int, seed: int, end: datetime, out: Path | None, as_json: bool) -> None:
    """Write the source files of a Chinese practice bank."""
    config = current_app.config["CRM"]
    target = (out or config.instance / "deliveries" / "samplebank").resolve()
    shows = sys.stderr.isatty() and not as_json
    files = write(target, customers, days, seed, end.date(), _progress if shows else None)
    if shows:
        click.echo("\r\x1b[K", nl=False, err=True)
    described = describe(config.sources, target)
    if as_json:
        rows = [{"date": str(f.day), "file": f.file, "rows": f.rows, "refused": f.refused} for f in files]
        click.echo(json.dumps({"folder": str(target), "source": described.stem, "files": rows}, ensure_ascii=False))
        return
    for file in files:
        click.echo(f"{file.day} {file.file}: {file.rows:,} rows, {sum(file.refused.values())} of them dirt")
    click.echo(f"in {target}; load with: crm batch run")


def describe(sources: Path, folder: Path) -> Path:
    """The source description in the instance, written when there is none."""
    path = sources / DESCRIPTION.name
    if not path.exists():
        sources.mkdir(parents=True, exist_ok=True)
        where = json.dumps(f"{folder}/{{date}}", ensure_ascii=False)
        text = DESCRIPTION.read_text("utf-8")
        path.write_text(text.replace('"deliveries/samplebank/{date}"', where), "utf-8")
    return path


def _progress(done: int, total: int) -> None:
    click.echo(f"\r\x1b[K{done:,} of {total:,} customers", nl=False, err=True)
