"""The parameters of the intake. A source description may say otherwise for its own files."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from core import parameters
from core.contract.types import Parameter

PARAMETERS = (
    Parameter(
        "warehouse.max_shrink", "Share by which a full file may shrink before it is held", "decimal",
        Decimal("0.20"), Decimal(0), Decimal(1),
    ),
    Parameter("warehouse.cut_off_hour", "Hour of the next day by which files must be there", "int", 6, 0, 23),
)  # fmt: skip

parameters.declare(*PARAMETERS)


def max_shrink() -> Decimal:
    """Share of the rows of the last published day, 0 to 1."""
    found: Decimal = parameters.get("warehouse.max_shrink")
    return found


def cut_off() -> time:
    """When, on the day after the business day, what has not come is late."""
    return time(parameters.get("warehouse.cut_off_hour"))
