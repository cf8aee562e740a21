"""The two versions of a record that the conflict page shows side by side, and the form that goes on from there.

The person chooses field by field. The page sends the whole entry again, now against the version it has just shown, and
says with ``keep.<field>`` whose value each differing field is to have; ``Form`` takes the stored one for "theirs", so
that no stored value has to be put into the page unmasked. Somebody else's save in between leads here once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask import has_request_context, request
from sqlalchemy import Column, inspect

from core.db.locking import Conflict
from core.db.masks import mask
from core.i18n import CORE, label
from core.web.forms import KEEP, VERSION
from core.web.kit import MISSING, day, moment, money


@dataclass(frozen=True, slots=True)
class Row:
    """One field: what it is called, and both values as they may be shown. ``choice`` names its question, if any."""

    label: str
    mine: str
    theirs: str
    differs: bool
    choice: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """The entry once more: where it goes, the version it now goes against, and all else that was sent."""

    url: str
    version: int
    sent: list[tuple[str, str]]


def retry(conflict: Conflict) -> Retry | None:
    """What the conflict page sends after the choice; None when there is nothing to go on from: the record is gone, or
    the entry came from no form with a version."""
    version = (conflict.theirs or {}).get(VERSION)
    if version is None or VERSION not in request.form:
        return None
    own = (VERSION, "csrf_token")
    sent = [(k, v) for k, v in request.form.items(multi=True) if k not in own and not k.startswith(KEEP)]
    return Retry(request.full_path.rstrip("?"), version, sent)


def rows(conflict: Conflict) -> list[Row]:
    """The fields people filled in, differing ones first. Personal data is masked; keys and counters are left out."""
    columns = _columns(conflict.model)
    theirs: Mapping[str, Any] = conflict.theirs or {}
    shown = [
        _row(name, mine, theirs.get(name), columns.get(name))
        for name, mine in conflict.mine.items()
        if _worth_showing(name, mine, columns.get(name))
    ]
    return sorted(shown, key=lambda row: not row.differs)


def _row(name: str, mine: Any, theirs: Any, column: Column[Any] | None) -> Row:
    differs = not _same(mine, theirs)
    asked = has_request_context() and name in request.form
    choice = f"{KEEP}{name}" if differs and asked else ""
    return Row(_label(name, column), _text(mine, column), _text(theirs, column), differs, choice)


def _same(mine: Any, theirs: Any) -> bool:
    """Nothing typed and nothing stored are the same."""
    return bool(mine == theirs) or (mine in (None, "") and theirs in (None, ""))


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
