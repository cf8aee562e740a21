"""What the host tells about plugins and switches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.host.migrations import SchemaPlan

State = Literal["discovered", "pending", "enabled", "disabled", "broken"]


@dataclass(frozen=True, slots=True)
class FaultLine:
    """Failures of one hook that say the same, of the last day; ``closed_until`` while it is not called by anybody."""

    hook: str
    kind: str
    reason: str
    count: int
    last: datetime
    closed_until: datetime | None

    def __str__(self) -> str:
        times = f"{self.count} time{'s' if self.count > 1 else ''}, last {self.last:%Y-%m-%d %H:%M:%S} UTC"
        off = f"; off until {self.closed_until:%H:%M:%S} UTC" if self.closed_until else ""
        return f"{self.hook}: {self.reason} ({times}{off})"


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """One plugin found or remembered. ``dependants`` require it directly; ``wanted`` is what was decided."""

    name: str
    title: str
    version: str
    state: State
    reason: str = ""
    trace: str = ""
    requires: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    dependants: tuple[str, ...] = ()
    protected: bool = False
    origin: str = ""
    pending_migrations: tuple[str, ...] = ()
    wanted: str = ""
    training: bool = False
    changed_by: str = ""
    changed_why: str = ""
    changed_at: datetime | None = None
    faults: tuple[FaultLine, ...] = ()

    @property
    def failures(self) -> int:
        """How often its code failed within the last day."""
        return sum(fault.count for fault in self.faults)

    @property
    def last_fault(self) -> FaultLine | None:
        """The newest of its failures of the last day."""
        return max(self.faults, key=lambda fault: fault.last, default=None)


@dataclass(frozen=True, slots=True)
class SwitchPlan:
    """What a switch would do. It cannot be done while ``refused`` says why; ``blocked_by`` names the plugins behind it.

    ``disappears`` (``appears`` when enabling) holds labels under ``menus``, ``panels``, ``jobs`` and ``routes``.
    """

    name: str
    to: Literal["enable", "disable"]
    refused: str = ""
    blocked_by: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    disappears: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    appears: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: SchemaPlan | None = None


class SwitchRefused(Exception):
    """The switch was not done; the message says why, ``blocked_by`` names the plugins behind it."""

    def __init__(self, reason: str, blocked_by: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.blocked_by = reason, blocked_by
