"""How personal data is shown to people who may see the row but need not see the value.

One function for pages, search, export, API, print and logs. The rules follow JR/T 0171-2020: a class names what a value
is, the class decides what stays readable, and a class nobody knows shows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

STAR = "*"
SEPARATOR = "·"
_PLACE = r"[^路街巷弄号\d\s]"
DISTRICT = re.compile(
    rf"^(?:{_PLACE}{{2,8}}?(?:省|自治区|特别行政区))?"
    rf"(?:{_PLACE}{{1,10}}?(?:市|州|盟|地区))?"
    rf"{_PLACE}{{1,10}}?(?:(?<![小社])区|县|旗|市)"
)
"""Province, city and district at the head of a Chinese address. A housing estate (小区) is no district."""


def mask(value: str | None, data_class: str) -> str:
    """``value`` as it may be shown under ``data_class`` (``C2.name``, ``C2.id_no``, …).

    An empty class means data about nobody, which is shown as it is. ``None`` and ``""`` give ``""``. A class this
    module does not know hides every character.
    """
    if not value:
        return ""
    if not data_class:
        return value
    return _MASKS.get(data_class, _hidden)(value)


def _keep(value: str, head: int, tail: int) -> str:
    """First ``head`` and last ``tail`` characters; nothing at all when that would leave nothing hidden."""
    hidden = len(value) - head - tail
    if hidden < 1:
        return STAR * len(value)
    return value[:head] + STAR * hidden + value[len(value) - tail :]


def _hidden(value: str) -> str:
    return STAR * len(value)


def _name(value: str) -> str:
    if SEPARATOR in value:
        return SEPARATOR.join(part[:1] + STAR * (len(part) - 1) for part in value.split(SEPARATOR))
    if " " in value.strip():
        return " ".join(_word(part) for part in value.split())
    return _word(value)


def _word(value: str) -> str:
    if len(value) == 1:
        return STAR
    if len(value) == 2:
        return value[0] + STAR
    return _keep(value, 1, 1)


def _id_no(value: str) -> str:
    # Only citizen-style numbers are long enough to leave seven characters without giving the person away.
    return _keep(value, 3, 4) if len(value) in (15, 18) else _keep(value, 1, 2)


def _mobile(value: str) -> str:
    return _keep(value, 3, 4) if len(value) >= 11 else _keep(value, 0, 4)


def _card(value: str) -> str:
    return _keep(value, 6, 4) if len(value) >= 13 else _keep(value, 0, 4)


def _account(value: str) -> str:
    return _keep(value, 0, 4)


def _address(value: str) -> str:
    found = DISTRICT.match(value)
    return (found.group() if found and found.end() < len(value) else "") + STAR * 4


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    return f"{local[:1]}{STAR * 3}@{domain}" if at and local else _hidden(value)


_MASKS: dict[str, Callable[[str], str]] = {
    "C2.name": _name,
    "C2.id_no": _id_no,
    "C2.mobile": _mobile,
    "C2.card": _card,
    "C2.account": _account,
    "C2.address": _address,
    "C2.email": _email,
}

CLASSES = frozenset(_MASKS)
"""Every class a column may carry."""
