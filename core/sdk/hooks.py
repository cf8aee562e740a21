"""The hook marker and everything hooks return. Example::

from core.sdk.hooks import MenuItem, hookimpl

@hookimpl
def crm_menus():
    return [MenuItem("loans.list", "Loans", "loans.index")]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pluggy

from core.contract import (
    Action,
    CodeTable,
    Column,
    Command,
    Dataset,
    Decision,
    Dimension,
    Event,
    EventType,
    Feed,
    HealthCheck,
    HealthResult,
    Identity,
    IntegrityEvent,
    Job,
    JobRun,
    Measure,
    MenuItem,
    Panel,
    PanelContent,
    Parameter,
    Publication,
    Reach,
    ScopeProvider,
    SearchHit,
    Seed,
    Service,
)

F = TypeVar("F", bound=Callable[..., object])

hookimpl = pluggy.HookimplMarker("crm")
hookspec = pluggy.HookspecMarker("crm")


def votes_on(*actions: str) -> Callable[[F], F]:
    """Name the actions that ``crm_decide`` below it votes on: whole names, or ``customers.party.*``.

    While it fails, these actions are refused, so that a broken veto opens nothing. What is not named is never asked.
    """

    def mark(function: F) -> F:
        function.crm_votes_on = actions  # type: ignore[attr-defined]
        return function

    return mark


__all__ = [
    "Action",
    "CodeTable",
    "Column",
    "Command",
    "Dataset",
    "Decision",
    "Dimension",
    "Event",
    "EventType",
    "Feed",
    "HealthCheck",
    "HealthResult",
    "Identity",
    "IntegrityEvent",
    "Job",
    "JobRun",
    "Measure",
    "MenuItem",
    "Panel",
    "PanelContent",
    "Parameter",
    "Publication",
    "Reach",
    "ScopeProvider",
    "SearchHit",
    "Seed",
    "Service",
    "hookimpl",
    "hookspec",
    "votes_on",
]
