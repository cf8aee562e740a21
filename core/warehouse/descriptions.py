"""The instance's folder of source descriptions: what is in it, what is wrong with it, and putting one in."""

from __future__ import annotations

import json
import re
from pathlib import Path

from flask import current_app

from core.warehouse.convert import converters
from core.warehouse.feeds import feeds
from core.warehouse.source_file import read
from core.warehouse.sources import Source, SourceError


def files() -> list[Path]:
    """The descriptions there are, by name."""
    folder: Path = current_app.config["CRM"].sources
    return sorted(folder.glob("*.toml"))


def one(name: str) -> Source:
    """The source of that name.

    Raises:
        LookupError: there is none; the message tells which there are.
        SourceError: its description makes no sense.
    """
    for path in files():
        if path.stem == name:
            return read(path)
    known = ", ".join(path.stem for path in files()) or "none"
    raise LookupError(f"no source {name!r} in {current_app.config['CRM'].sources}; there is {known}")


def readable() -> tuple[list[Source], list[str]]:
    """Every source that can be read, and what is wrong with the others."""
    found, problems = [], []
    for path in files():
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
