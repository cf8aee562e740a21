"""What lower floors need of upper ones. ``app.py`` hands the implementations in through ``app.extensions["crm"]``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flask import current_app

from core.contract.types import Event, IntegrityEvent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one plugin's hook gave nothing."""

    plugin: str
    hook: str
    reason: str


class Snapshot(Protocol):
    """The set of plugins that are on, fixed for one request."""

    @property
    def epoch(self) -> int:
        """Number of the switch this set came from."""

    @property
    def enabled(self) -> frozenset[str]:
        """Names of the plugins that are on and healthy."""


class Registry(Protocol):
    """What enabled plugins registered, by the snapshot in force; in plugin order, then by weight and name."""

    def of(self, hook: str, snapshot: Snapshot | None = None) -> tuple[tuple[str, Any], ...]:
        """``(plugin, thing)`` pairs a registration hook gave: ``of("crm_menus")``. None means the current snapshot."""

    def owner(self, hook: str, name: str) -> str | None:
        """Plugin that registered the thing of that ``name`` (or ``id``), on or off; None when nobody did."""


class Dispatch(Protocol):
    """Calls hooks so that a plugin that fails costs itself and nobody else."""

    def collect(self, hook: str, **values: Any) -> dict[str, Any]:
        """Call every enabled implementation; answers by plugin. Failures are left out, logged and counted."""

    def first(self, hook: str, **values: Any) -> Any:
        """The first answer that is not None, or None."""

    def vetoes(self, user_id: int, action: str, subject: str | None, key: str | None) -> tuple[str, ...]:
        """Why plugins forbid this action; empty when none does. One that votes on it and fails forbids it."""

    def call(self, plugin: str, hook: str, what: Callable[[], T]) -> T:
        """Run code of one plugin under its quota, clock and breaker.

        Raises:
            PluginFailed: naming plugin and reason.
        """

    def page_failed(self, endpoint: str, error: BaseException) -> str:
        """Count an error of a page as a failure of the plugin whose page it is; its title, "" for the core's pages."""

    def publish(self, session: Session, type: str, payload: Mapping[str, Any]) -> None:
        """Put an event into the outbox of the session's transaction; delivered after commit."""

    def integrity(self, session: Session, event: IntegrityEvent) -> None:
        """Tell every plugin that may hold the key, in this transaction; journalled for those that can't be told now."""

    def deliver(self, limit: int = 100) -> list[Event]:
        """Deliver what waits in the outbox; used by the courier and at the end of a request."""


class PluginFailed(Exception):
    """Code of a plugin raised, overran its clock, found its quota taken, or stands behind an open breaker."""

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        super().__init__(f"{plugin}: {hook}: {reason}")
        self.failure = Failure(plugin, hook, reason)


@dataclass(slots=True)
class Runtime:
    """The upper floors, as lower ones see them."""

    registry: Registry
    dispatch: Dispatch
    snapshot: Callable[[], Snapshot]


def runtime() -> Runtime:
    """The runtime of the current app."""
    crm: Runtime = current_app.extensions["crm"]
    return crm
