"""Which characters text may hold. The one place that says so: forms, searches, drafts and addresses ask here.

Refused are what a database cannot store (NUL on PostgreSQL, half a surrogate pair anywhere) and what lies to a reader:
control characters, and those that turn the direction of the text after them around. A single line takes no other sign
either that cannot be seen (Unicode's Cf, such as a space of no width or a soft hyphen): two names or numbers that look
alike are the same. Text areas take them, for they join emoji.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DIRECTIONS = "\u202a-\u202e\u2066-\u2069"
_HALVES = "\ud800-\udfff"
_INVISIBLE = (
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
_UNSEEN = re.compile(f"[{_INVISIBLE}]+")
_IN_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_INVISIBLE}{_HALVES}]")
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


def visible(text: str) -> str:
    """``text`` without the signs that take no room and change nothing one sees."""
    return _UNSEEN.sub("", text)
