"""Samples for the style guide: invented figures, no customer's data."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.web.kit import ColumnSpec


def samples() -> dict[str, Any]:
    """Template values of the style guide."""
    rows = [
        {
            "no": "P0000000021",
            "name": "张*明",
            "tier": "金",
            "balance": Decimal("12864200.00"),
            "change": 3.2,
            "date": "2026-11-20",
        },
        {
            "no": "P0000000035",
            "name": "陈*华",
            "tier": "白金",
            "balance": Decimal("9641800.50"),
            "change": -5.7,
            "date": "2026-11-18",
        },
        {"no": "P0000000048", "name": "李*", "tier": "普通", "balance": None, "change": 0, "date": None},
    ]
    return {"rows": rows, "columns": ColumnSpec}
