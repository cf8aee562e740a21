"""Questions ``/readyz`` asks about customers."""

from __future__ import annotations

from core.sdk.hooks import HealthCheck, HealthResult
from core.sdk.warehouse import as_of


def a_day_is_published() -> HealthResult:
    """True once a delivery of customers has been published."""
    day = as_of("customers.party")
    return HealthResult(day is not None, f"customers as of {day}" if day else "no delivery of customers is published")


CHECKS = (HealthCheck("customers.published", "A day of customers is published", a_day_is_published),)
