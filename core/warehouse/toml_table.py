"""One table of a TOML document, read value by value; what does not fit is told with its place and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar

from core.warehouse.sources import SourceError

T = TypeVar("T")


class TomlTable:
    """Values with the place they stand at. Every method raises ``SourceError`` for what it cannot take."""

    def __init__(self, values: Mapping[str, Any], file: str, table: str = "", key: str = "") -> None:
        self.values, self.file, self.table, self.key = values, file, table, key

    def fail(self, key: str, problem: str, mend: str) -> NoReturn:
        """Say what is wrong at this place, and how to mend it."""
        place = ".".join(part for part in (self.key, key) if part)
        raise SourceError(self.file, self.table, place, problem, mend)

    def only(self, known: set[str]) -> None:
        """Refuse keys nobody knows."""
        for key in self.values:
            if key not in known:
                self.fail(key, "is not a known key", f"Known are {', '.join(sorted(known))}.")

    def text(self, key: str, default: str | None = None) -> str:
        """A text; one without a default must be there."""
        value = self.values.get(key, default)
        if not isinstance(value, str):
            self.fail(key, "must be a text" if value is not None else "is missing", f'Write {key} = "…".')
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            self.fail(key, "must be true or false", f"Write {key} = true.")
        return value

    def whole(self, key: str, default: T) -> int | T:
        """A whole number."""
        value = self.values.get(key, default)
        if value is not default and (not isinstance(value, int) or isinstance(value, bool)):
            self.fail(key, "must be a whole number", f"Write {key} = 1.")
        return value

    def number(self, key: str) -> Decimal | None:
        """An exact number; None when it is not given."""
        if key not in self.values:
            return None
        try:
            if isinstance(self.values[key], bool | float):
                raise InvalidOperation
            return Decimal(self.values[key])
        except (InvalidOperation, TypeError, ValueError):
            self.fail(key, "must be an exact number", f'Write it as a text: {key} = "0.01".')

    def share(self, key: str) -> Decimal | None:
        """A number between 0 and 1."""
        found = self.number(key)
        if found is not None and not 0 <= found <= 1:
            self.fail(key, "must lie between 0 and 1", f'Write {key} = "0.05".')
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text counts as a list of it."""
        value = self.values.get(key, [])
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, "must be a list of texts", f'Write {key} = ["a", "b"].')
        return tuple(value)

    def whole_numbers(self, key: str) -> tuple[int, ...]:
        """A list of numbers above 0."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(type(item) is int and item > 0 for item in value):
            self.fail(key, "must be a list of numbers above 0", f"Write {key} = [10, 20].")
        return tuple(value)
