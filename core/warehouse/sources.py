"""Source descriptions: how a system delivers its files, in words of TOML that bank IT edits. No code.

``docs/source-descriptions.md`` explains every key. This module holds what a description says; ``source_file`` reads it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Literal


class SourceError(Exception):
    """A description makes no sense. Says in which file, table and key, and how to mend it."""

    def __init__(self, file: str, table: str, key: str, problem: str, mend: str) -> None:
        parts = (file, f"table {table}" if table else "", f"key {key}" if key else "")
        place = ", ".join(part for part in parts if part)
        super().__init__(f"{place}: {problem}. {mend}")
        self.file, self.table, self.key, self.problem, self.mend = file, table, key, problem, mend


@dataclass(frozen=True, slots=True)
class Rule:
    """How one column of a feed is made from the fields of a line."""

    target: str
    fields: tuple[str | int, ...] = ()
    """Source columns by name, or by position from 1. Several are joined with ``separator``, empty ones left out."""
    constant: str | None = None
    separator: str = " "
    cut: tuple[int, int] | None = None
    """First position from 1, and length."""
    strip: bool = True
    null: tuple[str, ...] = ()
    """Spellings that mean: not given."""
    map: Mapping[str, str] | None = None
    default: str | None = None
    """For values ``map`` does not list; without it such a line is refused."""
    date: tuple[str, ...] = ()
    century: int | None = None
    """Century of two-digit years, as 1900; None follows POSIX (69 to 99 are 19xx)."""
    month_offset: int = 0
    """Taken off months above 12, for registers that mark a group by it."""
    scale: Decimal | None = None
    """A number is multiplied by this: ``0.01`` for amounts in fen."""
    thousands: str = ""


@dataclass(frozen=True, slots=True)
class Control:
    """The file that says a data file is complete. Without ``fields`` its being there is all it says."""

    file: str
    fields: tuple[str, ...] = ()
    delimiter: str = "|"
    charset: str = "ascii"


@dataclass(frozen=True, slots=True)
class Table:
    """One file of a source."""

    name: str
    feed: str
    file: str
    mode: Literal["full", "incremental"]
    columns: tuple[Rule, ...]
    charset: str = "gb18030"
    delimiter: str = "|"
    quote: str = ""
    record_end: str = "\n"
    header: bool = False
    names: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    """Bytes of each field of fixed-width lines."""
    control: Control | None = None
    optional: bool = False
    """A day is complete without this table."""
    reject_limit: Decimal = Decimal("0.05")
    """Share of refused lines above which the load is held."""
    max_shrink: Decimal | None = None
    """Share by which a full file may have fewer rows than the last one; None: as the parameter says."""


@dataclass(frozen=True, slots=True)
class Source:
    """One source system of one legal entity."""

    name: str
    system: str
    legal_entity: str
    folder: str
    tables: tuple[Table, ...]
    business_date: date | None = None
    """The day of files that carry none."""
    date_format: str = "%Y%m%d"
    cut_off: time | None = None
    """When, on the day after the business day, its files must be there; None: as the parameter says."""
    watched: bool = True
    """False: it delivers when it likes, and nothing of it is ever late."""
    weekdays_only: bool = False
    """No files are expected of Saturdays and Sundays."""

    def table(self, name: str) -> Table:
        """The table of that name; KeyError when there is none."""
        for table in self.tables:
            if table.name == name:
                return table
        raise KeyError(name)

    @property
    def dated(self) -> bool:
        """True when the day stands in the names of folders or files."""
        return self.business_date is None


DIRECTIVES = {"Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{2}", "d": r"\d{2}", "j": r"\d{3}"}


def day_pattern(date_format: str) -> str:
    """Regular expression of what ``date_format`` writes."""
    parts = re.split(r"%(.)", date_format)
    return "".join(DIRECTIVES[part] if number % 2 else re.escape(part) for number, part in enumerate(parts))


def resolve(source: Source, instance: Path) -> Path:
    """The source's folder, where a relative one starts at the instance; may still hold ``{date}``."""
    return instance / source.folder
