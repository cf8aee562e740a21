"""What has been delivered: data files with their days, and whether the control file says they are complete."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from core.warehouse.reading import digests
from core.warehouse.sources import Control, Source, Table, day_pattern, resolve
from core.warehouse.words import _


class LoadFailed(Exception):
    """A file cannot be loaded as it is; yesterday stays served."""


class LoadHeld(Exception):
    """A file is loadable but suspicious; somebody must look at it and release it."""


class LoadWaits(Exception):
    """Nothing is wrong with the file, but its rows refer to one that is not in."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One data file of one day."""

    source: Source
    table: Table
    business_date: date
    path: Path
    control: Path | None

    @property
    def ready(self) -> bool:
        """True when nothing is awaited any more."""
        return self.control is None or self.control.is_file()

    @property
    def stamp(self) -> tuple[int, int]:
        """Size in bytes and time of change in nanoseconds; zeros once the file is gone."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns


def deliveries(source: Source, instance: Path) -> list[Delivery]:
    """Every data file there is, oldest day first, complete or not."""
    found = [d for table in source.tables for d in _of_table(source, table, instance)]
    return sorted(found, key=lambda d: (d.business_date, d.table.name, str(d.path)))


def complete(there: Sequence[Delivery]) -> tuple[dict[str, Delivery], dict[str, str]]:
    """Complete files of one day by table, and what is doubtful about tables that have a file and no complete one."""
    ready: dict[str, Delivery] = {}
    doubtful: dict[str, str] = {}
    for delivery in there:
        name = delivery.table.name
        if sum(other.table == delivery.table for other in there) > 1:
            doubtful[name] = _(" (several files)")
        elif delivery.ready:
            ready[name] = delivery
        else:
            doubtful[name] = _(" (control file)")
    return ready, doubtful


def _of_table(source: Source, table: Table, instance: Path) -> Iterator[Delivery]:
    pattern = str(resolve(source, instance) / table.file)
    days = re.compile(
        re.escape(pattern).replace(re.escape("{date}"), f"(?P<day>{day_pattern(source.date_format)})", 1)
        .replace(re.escape("{date}"), "(?P=day)")
    )  # fmt: skip
    for name in glob.iglob("*".join(glob.escape(part) for part in pattern.split("{date}"))):
        match, path = days.fullmatch(name), Path(name)
        if match is None or not path.is_file():
            continue
        day = source.business_date or _day(match["day"], source.date_format)
        if day is not None:
            written = match.groupdict().get("day") or day.strftime(source.date_format)
            yield Delivery(source, table, day, path, _control(table.control, path, written))


def strays(source: Source, instance: Path) -> list[Path]:
    """Folders that stand where a day's should, with a file of the source in them, and whose name is no day."""
    found: set[Path] = set()
    for table in source.tables:
        pattern = resolve(source, instance) / table.file
        dated = [number for number, part in enumerate(pattern.parts[:-1]) if "{date}" in part]
        if not dated:
            continue
        before, _date, after = pattern.parts[dated[0]].partition("{date}")
        for name in glob.iglob("*".join(glob.escape(part) for part in str(pattern).split("{date}"))):
            folder = Path(*Path(name).parts[: dated[0] + 1])
            if _day(folder.name.removeprefix(before).removesuffix(after), source.date_format) is None:
                found.add(folder)
    return sorted(found)


def _day(text: str, layout: str) -> date | None:
    try:
        return datetime.strptime(text, layout).date()
    except ValueError:
        return None


def _control(control: Control | None, path: Path, day: str) -> Path | None:
    if control is None:
        return None
    name = control.file.replace("{file}", path.name).replace("{stem}", path.name.partition(".")[0])
    return path.parent / name.replace("{date}", day)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a file is, as far as it is known before it is read line by line."""

    sha256: str
    rows: int | None
    """Rows the control file promises, None when it says nothing."""


def verify(delivery: Delivery) -> Verified:
    """Compare the file with its control file.

    Raises:
        LoadFailed: they differ, or the control file cannot be read. Both values are named.
    """
    sha256, md5 = digests(delivery.path)
    said = _said(delivery)
    found = {
        "file": delivery.path.name,
        "bytes": str(delivery.path.stat().st_size),
        "md5": md5,
        "sha256": sha256,
        "date": delivery.business_date.strftime(delivery.source.date_format),
    }
    for key, value in said.items():
        if key != "rows" and value.lower() != found[key].lower():
            values = {"key": key, "said": value, "found": found[key]}
            raise LoadFailed(_("The control file says %(key)s %(said)s, the file has %(found)s.", **values))
    return Verified(sha256, _rows(said))


def _said(delivery: Delivery) -> dict[str, str]:
    control = delivery.table.control
    if control is None or delivery.control is None or not control.fields:
        return {}
    name, wanted = delivery.control.name, control.delimiter.join(control.fields)
    text = _control_text(delivery.control, control.charset)
    if not text:
        raise LoadFailed(_("The control file %(name)s is empty; it should say %(wanted)s.", name=name, wanted=wanted))
    values = [value.strip() for value in text.split(control.delimiter)]
    if len(values) != len(control.fields):
        raise LoadFailed(
            _(
                "The control file %(name)s has %(count)s fields; it should say %(wanted)s.",
                name=name, count=len(values), wanted=wanted,
            )
        )  # fmt: skip
    return {key: value for key, value in zip(control.fields, values, strict=True) if key != "-"}


def _control_text(path: Path, charset: str) -> str:
    try:
        text = path.read_bytes().decode(charset).strip()
    except OSError as error:
        raise LoadFailed(_("%(name)s cannot be read: %(reason)s", name=path.name, reason=error.strerror)) from error
    except UnicodeDecodeError:
        text = "\0"
    # What no person would write is no control file, and is not repeated on somebody's screen either.
    if not all(character.isprintable() or character.isspace() for character in text):
        raise LoadFailed(_("The control file %(name)s is no text in %(charset)s.", name=path.name, charset=charset))
    return text


def _rows(said: dict[str, str]) -> int | None:
    if "rows" not in said:
        return None
    if not (said["rows"].isascii() and said["rows"].isdigit()):
        raise LoadFailed(_("The control file says %(rows)s rows, which is no number.", rows=said["rows"]))
    return int(said["rows"])
