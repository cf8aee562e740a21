"""What a run of the batch tells those who started it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from core.warehouse.models import LoadState

Notify = Callable[[str, int], None]
"""Told the table being loaded and the rows read so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    source: str
    table: str
    date: date
    state: str
    read: int = 0
    loaded: int = 0
    rejected: int = 0
    message: str = ""


@dataclass(slots=True)
class Report:
    """What a run did, what it still waits for, and what should have come long ago."""

    loads: list[Outcome] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    untaken: list[str] = field(default_factory=list)
    """Days that are there, and of which nothing gets in because no module takes any of their files."""
    overdue: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 when a file failed, 3 when one is held, overdue or a whole day untaken, else 0. Waiting is no error."""
        states = {outcome.state for outcome in self.loads}
        if LoadState.FAILED in states:
            return 1
        return 3 if LoadState.HELD in states or self.untaken or self.overdue else 0
