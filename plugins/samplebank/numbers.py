"""Check digits of Chinese identifiers, for making numbers that are right."""

from __future__ import annotations

from itertools import cycle

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
USCC_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(3**power % 31 for power in range(17))
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def resident_id(first17: str) -> str:
    """GB 11643: 17 digits with their check character."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _ID_WEIGHTS, strict=True))
    return first17 + "10X98765432"[total % 11]


def resident_id_15(number: str) -> str:
    """The form issued before 1999 of somebody born in the 1900s."""
    return number[:6] + number[8:17]


def org_code(first8: str) -> str:
    """GB 11714: eight characters with their check character."""
    total = sum(int(letter, 36) * weight for letter, weight in zip(first8, _ORG_WEIGHTS, strict=True))
    return first8 + "0123456789X0"[11 - total % 11]


def uscc(first17: str) -> str:
    """GB 32100: 17 characters with their check character."""
    total = sum(USCC_LETTERS.index(c) * w for c, w in zip(first17, _USCC_WEIGHTS, strict=True))
    return first17 + USCC_LETTERS[-total % 31]


def luhn(digits: str) -> str:
    """ISO/IEC 7812: digits with their check digit."""
    total = 0
    for digit, factor in zip(reversed(digits), cycle((2, 1)), strict=False):
        product = int(digit) * factor
        total += product - 9 if product > 9 else product
    return digits + str(-total % 10)
