"""Hook implementations of customers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from core.sdk.hooks import (
    Action,
    CodeTable,
    Dataset,
    Feed,
    HealthCheck,
    MenuItem,
    Panel,
    Parameter,
    ScopeProvider,
    SearchHit,
    Service,
    hookimpl,
)

if TYPE_CHECKING:
    from flask import Blueprint


@hookimpl
def crm_models() -> Iterable[type[Any]]:
    """Tables."""
    from plugins.customers import models

    return [models.Party, models.Xref, models.NameEntry, models.Delivery, models.Counter]


@hookimpl
def crm_scope_providers() -> Iterable[ScopeProvider]:
    """Who reaches which customer."""
    from plugins.customers.permissions import SCOPE

    return [SCOPE]


@hookimpl
def crm_permissions() -> Iterable[Action]:
    """What roles can grant."""
    from plugins.customers.permissions import ACTIONS

    return ACTIONS


@hookimpl
def crm_blueprints() -> Iterable[Blueprint]:
    """Pages."""
    from plugins.customers.views import bp

    return [bp]


@hookimpl
def crm_menus() -> Iterable[MenuItem]:
    """Menu."""
    from plugins.customers.menus import MENUS

    return MENUS


@hookimpl
def crm_parameters() -> Iterable[Parameter]:
    """Settings."""
    from plugins.customers.parameters import PARAMETERS

    return PARAMETERS


@hookimpl
def crm_code_tables() -> Iterable[CodeTable]:
    """Closed lists."""
    from plugins.customers.services import codes

    return codes.TABLES


@hookimpl
def crm_feeds() -> Iterable[Feed]:
    """What source systems deliver."""
    from plugins.customers.feeds import FEEDS

    return FEEDS


@hookimpl
def crm_datasets() -> Iterable[Dataset]:
    """What panels and reports ask."""
    from plugins.customers.datasets import DATASETS

    return DATASETS


@hookimpl
def crm_panels() -> Iterable[Panel]:
    """Boxes of the customer page."""
    from plugins.customers.panels import PANELS

    return PANELS


@hookimpl
def crm_services() -> Iterable[Service]:
    """What other plugins may ask."""
    from plugins.customers.services.directory import Directory

    return [Service("customers.directory", 1, Directory())]


@hookimpl
def crm_search(query: str, limit: int) -> Iterable[SearchHit]:
    """The global search box."""
    from plugins.customers.views.hits import hits

    return hits(query, limit)


@hookimpl
def crm_health_checks() -> Iterable[HealthCheck]:
    """Is anything published?"""
    from plugins.customers.services.health import CHECKS

    return CHECKS
