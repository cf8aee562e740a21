"""What bank IT can set for customers."""

from __future__ import annotations

from core.sdk.parameters import Parameter

LAST_FOUR = "customers.last_four_per_hour"

PARAMETERS = (
    Parameter(
        LAST_FOUR,
        "Searches by the last four digits a user may make in an hour",
        "int",
        60,
        5,
        1000,
        help="Four digits are few enough to try them all; more than this is refused and recorded.",
    ),
)
