"""Turning a parameter's value into text and back, and holding it to its bounds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from core.contract.types import Parameter


class InvalidValue(ValueError):
    """The value does not fit the parameter. The message names the parameter and what would fit."""


class UnknownParameter(KeyError):
    """Nobody that is on declares a parameter of this name."""

    def __str__(self) -> str:
        return f"no parameter {self.args[0]!r} is declared"


def parse(parameter: Parameter, text: str) -> Any:
    """The typed value of ``text``, within the parameter's bounds.

    Raises:
        InvalidValue: wrong type, out of bounds, or not one of the choices.
    """
    try:
        value = _PARSERS[parameter.type](text.strip() if parameter.type != "text" else text)
    except (ValueError, InvalidOperation, KeyError):
        raise InvalidValue(f"{parameter.name}: {text!r} is not {_WANTED[parameter.type]}") from None
    return check(parameter, value)


def check(parameter: Parameter, value: Any) -> Any:
    """``value`` when it has the parameter's type and keeps its bounds.

    Raises:
        InvalidValue: it does not.
    """
    wanted = _TYPES[parameter.type]
    # A bool is an int and a moment is a date to Python, not to people.
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool) or isinstance(value, datetime):
        raise InvalidValue(f"{parameter.name}: {value!r} is not {_WANTED[parameter.type]}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InvalidValue(f"{parameter.name}: {value} is not {_WANTED['decimal']}")
    if parameter.choices and value not in parameter.choices:
        raise InvalidValue(f"{parameter.name}: {value!r} is not one of {', '.join(parameter.choices)}")
    _check_bounds(parameter, value)
    return value


def _check_bounds(parameter: Parameter, value: Any) -> None:
    measured = len(value) if parameter.type == "text" else value
    what = "length of the text" if parameter.type == "text" else "value"
    if parameter.minimum is not None and measured < parameter.minimum:
        raise InvalidValue(f"{parameter.name}: the {what} {measured} is below the minimum {parameter.minimum}")
    if parameter.maximum is not None and measured > parameter.maximum:
        raise InvalidValue(f"{parameter.name}: the {what} {measured} is above the maximum {parameter.maximum}")


def to_text(value: Any) -> str:
    """``value`` as stored; :func:`parse` reads it back."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _boolean(text: str) -> bool:
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


_PARSERS: dict[str, Callable[[str], Any]] = {
    "int": int,
    "decimal": Decimal,
    "text": str,
    "choice": str,
    "bool": _boolean,
    "date": date.fromisoformat,
}
_TYPES: dict[str, type[Any]] = {
    "int": int,
    "decimal": Decimal,
    "text": str,
    "choice": str,
    "bool": bool,
    "date": date,
}
_WANTED = {
    "int": "a whole number",
    "decimal": "a decimal number",
    "text": "text",
    "choice": "text",
    "bool": "true or false",
    "date": "a date like 2026-01-31",
}
