"""Which characters text may hold. The one place that says so: forms, searches, drafts and addresses ask here.

Refused are what a database cannot store (NUL on PostgreSQL, half a surrogate pair anywhere) and what lies to a reader:
control characters, and those that turn the direction of the text after them around.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
_HALVES = "\ud800-\udfff"
_IN_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_DIRECTIONS}{_HALVES}]")
_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_DIRECTIONS}{_HALVES}]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first character that may not stand in a text."""

    position: int
    """Counted from 1."""
    code: str
    """Such as ``U+0000``: the character itself cannot be shown."""


def flaw(text: str, *, lines: bool = False) -> Flaw | None:
    """What is wrong with ``text``; None when nothing is.

    Args:
        lines: tabs and line breaks are welcome, as in a text area.
    """
    found = (_IN_LINES if lines else _IN_LINE).search(text)
    return None if found is None else Flaw(found.start() + 1, f"U+{ord(found[0]):04X}")


def cleaned(text: str, *, lines: bool = False, instead: str = "") -> str:
    """``text`` with ``instead`` in place of each character that may not stand in it, for what nobody can correct."""
    return (_IN_LINES if lines else _IN_LINE).sub(instead, text)
