"""The two versions of a record that the conflict page shows side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Column, inspect

from core.db.locking import Conflict
from core.db.masks import mask
from core.i18n import CORE, label
from core.web.kit import MISSING, day, moment, money


@dataclass(frozen=True, slots=True)
class Row:
    """One field: what it is called, and both values as they may be shown."""

    label: str
    mine: str
    theirs: str
    differs: bool


def rows(conflict: Conflict) -> list[Row]:
    """The fields people filled in, differing ones first. Personal data is masked; keys and counters are left out."""
    columns = _columns(conflict.model)
    theirs: Mapping[str, Any] = conflict.theirs or {}
    shown = [
        Row(
            _label(name, columns.get(name)),
            _text(mine, columns.get(name)),
            _text(theirs.get(name), columns.get(name)),
            mine != theirs.get(name),
        )
        for name, mine in conflict.mine.items()
        if _worth_showing(name, mine, columns.get(name))
    ]
    return sorted(shown, key=lambda row: not row.differs)


def _columns(model: type[Any]) -> dict[str, Column[Any]]:
    mapper = inspect(model, raiseerr=False)
    if mapper is None:
        return {}
    return {a.key: a.columns[0] for a in mapper.column_attrs if isinstance(a.columns[0], Column)}


def _worth_showing(name: str, value: Any, column: Column[Any] | None) -> bool:
    if name == "version" or name.startswith("_") or isinstance(value, bytes):
        return False
    return column is None or not (column.primary_key or name.endswith("_index"))


def _label(name: str, column: Column[Any] | None) -> str:
    text = name.replace("_", " ").capitalize()
    if column is None:
        return label(CORE, text)
    return label(column.table.info.get("plugin", CORE), str(column.info.get("label", text)))


def _text(value: Any, column: Column[Any] | None) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return day(value)
    if isinstance(value, Decimal):
        return money(value)
    data_class = str(column.info.get("class", "")) if column is not None else ""
    return mask(str(value), data_class)
