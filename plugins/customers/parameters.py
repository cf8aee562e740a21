"""What bank IT can set for customers."""

from __future__ import annotations

from core.sdk.parameters import Parameter

LAST_FOUR = "customers.last_four_per_hour"
NUMBER, MISSES = "customers.number_per_hour", "customers.number_misses_per_hour"

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
    Parameter(
        NUMBER,
        "Searches by a whole document or phone number a user may make in an hour",
        "int",
        120,
        10,
        2000,
        help="Customer numbers do not count. More than this is refused and recorded.",
    ),
    Parameter(
        MISSES,
        "Searches by a whole document or phone number that find nobody, a user may make in an hour",
        "int",
        20,
        5,
        200,
        help="Whoever completes a masked number by guessing misses nearly always. More than this is refused.",
    ),
)
