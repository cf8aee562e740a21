"""What templates use: the macros, formats, addresses. Installed as Jinja globals and filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from flask import Flask
from flask_babel import get_timezone
from jinja2 import Environment, TemplateNotFound
from markupsafe import Markup
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper

from core.db.masks import mask

MISSING = "—"
MINUS = "−"


class Kit:
    """``ui``: each attribute is the macro of that name from ``ui/<name>.html``, looked for by the loader at first use.

    So a theme replaces one macro by one file, and the others that use it follow.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._macros: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        macro = self._macros.get(name)
        if macro is None:
            macro = self._find(name)
            if not self._environment.auto_reload:
                self._macros[name] = macro
        return macro

    def _find(self, name: str) -> Any:
        try:
            module: Any = self._environment.get_template(f"ui/{name}.html").module
        except TemplateNotFound as error:
            raise AttributeError(f"no macro ui.{name}: there is no template ui/{name}.html") from error
        return getattr(module, name)


def attributes(values: Mapping[str, Any], *skip: str) -> Markup:
    """HTML attributes from a mapping. ``None`` and ``False`` leave one out, ``True`` gives it no value."""
    return Markup("").join(
        Markup(" {}").format(name) if value is True else Markup(' {}="{}"').format(name, value)
        for name, value in values.items()
        if name not in skip and value is not None and value is not False
    )


def money(value: Decimal | int | None, digits: int = 2) -> str:
    """An exact amount as people read it: ``1,286.42``, ``−1,800,000.00``, ``—`` when it is missing."""
    if value is None:
        return MISSING
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
    return f"{abs(rounded):,.{digits}f}" if rounded >= 0 else f"{MINUS}{abs(rounded):,.{digits}f}"


def wan(value: Decimal | int | None, digits: int = 2) -> str:
    """An amount in units of 10,000 yuan (万元). The unit belongs into the heading, not into each cell."""
    return money(None if value is None else Decimal(value) / 10_000, digits)


def number(value: int | Decimal | None) -> str:
    """A count or quantity: ``12,480``, ``—`` when it is missing."""
    if value is None:
        return MISSING
    return f"{abs(value):,}" if value >= 0 else f"{MINUS}{abs(value):,}"


def day(value: date | None) -> str:
    """A date as ``2026-11-22``; a moment gives the day it falls on in the bank's time zone."""
    if value is None:
        return MISSING
    return (_local(value) if isinstance(value, datetime) else value).isoformat()[:10]


def moment(value: datetime | None, seconds: bool = False) -> str:
    """A moment as ``2026-11-22 17:05`` in the bank's time zone."""
    if value is None:
        return MISSING
    return _local(value).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def _local(value: datetime) -> datetime:
    zone = get_timezone()
    return value.astimezone(zone) if zone is not None and value.tzinfo is not None else value


def shown(value: Any, kind: str = "") -> Any:
    """A cell's value as its kind wants it: num, money, wan, date, moment; anything else as it is, "—" for nothing."""
    formats: dict[str, Callable[[Any], str]] = {
        "num": number,
        "money": money,
        "wan": wan,
        "date": day,
        "moment": moment,
    }
    if kind in formats and (value is None or not isinstance(value, str)):
        return formats[kind](value)
    return MISSING if value is None or value == "" else value


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of ``ui.data_table``. ``key`` names an attribute or item of the row, or is a function of the row."""

    key: str | Callable[[Any], Any]
    label: str
    kind: str = ""
    unit: str = ""
    link: Callable[[Any], str] | None = None
    sort: str = ""
    wide: bool = False
    cls: str = ""


def cell(row: Any, key: str | Callable[[Any], Any]) -> Any:
    """What a row holds under a column's key: item of a mapping, attribute of an object, or result of a function."""
    if callable(key):
        return key(row)
    if isinstance(row, Mapping):
        return row.get(key)
    value = holder = row
    for name in key.split("."):
        holder, value = value, getattr(value, name, None)
    return masked(holder, name, value)


def masked(holder: Any, name: str, value: Any) -> Any:
    """A value as it may be shown: masked when ``holder`` is a row whose column ``name`` holds personal data (class C2).

    A list that shows ``visit.party.name`` does not show what the customers' own list masks.
    """
    mapper = inspect(type(holder), raiseerr=False)
    column = mapper.columns.get(name) if isinstance(mapper, Mapper) else None
    data_class = "" if column is None else str(column.info.get("class", ""))
    return mask(value, data_class) if data_class.startswith("C2") and isinstance(value, str) else value


def stacked_top(series: Sequence[tuple[str, Sequence[Any]]]) -> Decimal:
    """A round number above the highest stack of a column chart."""
    columns = zip(*(values for _, values in series), strict=True)
    highest = max((sum((Decimal(str(v or 0)) for v in column), Decimal(0)) for column in columns), default=Decimal(0))
    if highest <= 0:
        return Decimal(1)
    step = Decimal(10) ** highest.adjusted()
    return next(
        step * n for n in (Decimal(1), Decimal("1.2"), Decimal("1.6"), 2, 3, 4, 6, 8, 10) if step * n >= highest
    )


def axis(value: Any) -> str:
    """A label of a chart's axis, without needless zeros."""
    text = f"{Decimal(str(value)):,.2f}"
    return text.rstrip("0").rstrip(".")


def init_app(app: Flask) -> None:
    """Install the macros and formats into the app's templates."""
    environment = app.jinja_env
    environment.globals.update(ui=Kit(environment), ui_column=ColumnSpec, stacked_top=stacked_top)
    environment.filters.update(
        attributes=attributes,
        money=money,
        wan=wan,
        number=number,
        day=day,
        moment=moment,
        shown=shown,
        cell=cell,
        axis=axis,
    )
