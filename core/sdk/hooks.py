"""The hook marker and everything hooks return. Example::

from core.sdk.hooks import MenuItem, hookimpl

@hookimpl
def crm_menus():
    return [MenuItem("loans.list", "Loans", "loans.index")]
"""

from __future__ import annotations

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

hookimpl = pluggy.HookimplMarker("crm")
hookspec = pluggy.HookspecMarker("crm")

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
]
