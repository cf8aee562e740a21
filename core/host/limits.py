"""How long a worker waits for what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. ``hard``: a hook that runs longer costs the worker; ``beat``: after such a silence it serves no more."""

    hard: float = 4.0
    grace: float = 2.0
    tick: float = 0.25
    beat_every: float = 1.0
    beat: float = 15.0
    breaker: float = 60.0

    @property
    def statement(self) -> float:
        """A statement fails after so long, which costs only the hook it is in."""
        return self.hard * 0.8

    @property
    def frozen(self) -> float:
        """Nothing of Python ran for so long: a hook sits in C code and lets no thread go on, this clock neither."""
        return self.hard + 1.0

    @property
    def stale(self) -> timedelta:
        """Age of a beat after which the worker counts as gone; it has stopped serving before that."""
        return timedelta(seconds=self.beat + 5)
