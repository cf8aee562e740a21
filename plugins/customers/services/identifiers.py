"""Numbers that identify people and organisations: normal form, and whether the number can be right.

Real banks hold wrong numbers that were really issued, so ``ERROR`` stops somebody typing a new one and never stops
loading. Reasons are English message ids.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Level(StrEnum):
    """How far a number can be trusted."""

    OK = "OK"
    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Checked:
    """A number in its normal form, how far it can be trusted, and why."""

    normalized: str
    level: Level
    reasons: tuple[str, ...] = ()


LENGTH = "Wrong number of characters"
CHARACTERS = "Contains characters that cannot occur"
CHECKSUM = "The check digit does not match"
DATE = "The birth date in it does not exist"
FUTURE = "The birth date in it lies in the future"
TOO_OLD = "The birth date in it is more than 130 years ago"
REGION = "The region code in it is not known"
REVIEW_15 = "Old number of a person born before 1900: needs a look"
GENDER = "The number says another gender than the record"
MINOR = "Under 16"
ORG_PART = "Positions 9 to 17 are not a valid organisation code"
RESERVED = "The range PDY is for a system's own use and identifies nobody"
JUNK = "A number people make up"
LUHN = "The check digit does not match; old numbers may lack one"

_BLOCKS = ((11, 15), (21, 23), (31, 37), (41, 46), (50, 54), (61, 65), (71, 71), (81, 83))
PROVINCES = frozenset(str(code) for first, last in _BLOCKS for code in range(first, last + 1))
# Places that no longer exist still stand on valid cards, also on those of people who would be very old: the standard's
# own example (GB 11643-1999) was born in 1880. Such a number is a doubt, not an error.
ABOLISHED = frozenset({"440524"})

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORG_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_JUNK_MOBILES = frozenset({"13800138000", "12345678901"})


def squeeze(value: str) -> str:
    """Half-width, upper case, without spaces and hyphens: how identifiers are compared."""
    return re.sub(r"[\s\-‐‑–—]", "", unicodedata.normalize("NFKC", value)).upper()


def canonical(value: str) -> str:
    """The form two documents are compared in: squeezed, and an old 15-digit number as the 18 digits it became."""
    number = squeeze(value)
    return upgrade15(number) if re.fullmatch(r"[0-9]{15}", number) else number


def resident_id(value: str, *, today: date, gender: str | None = None) -> Checked:
    """A citizen's number, a residence permit of Hong Kong, Macao and Taiwan, or a permanent residence card.

    15 digits become 18. ``gender`` is the record's: 1 male, 2 female, anything else unknown.
    """
    number = squeeze(value).replace("*", "X")
    if re.fullmatch(r"[A-Z]{3}[0-9]{12}", number):
        return Checked(number, Level.OK)  # permanent residence card of 2017: no check digit
    if re.fullmatch(r"[0-9]{15}", number):
        if number[-3:] in {"996", "997", "998", "999"}:
            return Checked(number, Level.WARN, (REVIEW_15,))
        number = upgrade15(number)
    if len(number) != 18:
        return Checked(number, Level.ERROR, (LENGTH,))
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return Checked(number, Level.ERROR, (CHARACTERS,))
    if errors := _id_errors(number, today):
        return Checked(number, Level.ERROR, errors)
    doubts = _id_doubts(number, today, gender)
    return Checked(number, Level.WARN if doubts else Level.OK, doubts)


def upgrade15(number: str) -> str:
    """18 digits of a 15-digit number, whose two-digit years all mean 19xx."""
    body = number[:6] + "19" + number[6:]
    return body + id_check_digit(body)


def id_check_digit(body: str) -> str:
    """Check character of 17 digits by ISO 7064 MOD 11-2."""
    return _ID_CHECKS[sum(int(d) * w for d, w in zip(body, _ID_WEIGHTS, strict=True)) % 11]


def _id_errors(number: str, today: date) -> tuple[str, ...]:
    errors: list[str] = []
    birth = birth_date(number)
    if birth is None:
        errors.append(DATE)
    elif birth > today:
        errors.append(FUTURE)
    elif today.year - birth.year > 130 and number[:6] not in ABOLISHED:
        errors.append(TOO_OLD)
    if id_check_digit(number[:17]) != number[17]:
        errors.append(CHECKSUM)
    return tuple(errors)


def _id_doubts(number: str, today: date, gender: str | None) -> tuple[str, ...]:
    doubts: list[str] = []
    foreign = number[0] == "9"
    region = number[1:3] if foreign else number[:2]
    if region not in PROVINCES or number[:6] in ABOLISHED:
        doubts.append(REGION)
    if gender in {"1", "2"} and gender != gender_of(number):
        doubts.append(GENDER)
    birth = birth_date(number)
    if birth is not None and _age(birth, today) < 16:
        doubts.append(MINOR)
    return tuple(doubts)


def birth_date(number: str) -> date | None:
    """Birth date of an 18-character number; None when that day does not exist."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def gender_of(number: str) -> str:
    """``1`` for a man, ``2`` for a woman, from the sequence of an 18-character number."""
    return "1" if int(number[16]) % 2 else "2"


def _age(birth: date, today: date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


def uscc(value: str) -> Checked:
    """Unified social credit code of an organisation (GB 32100-2015)."""
    code = squeeze(value)
    if len(code) != 18:
        return Checked(code, Level.ERROR, (LENGTH,))
    if any(c not in _USCC_ALPHABET for c in code):
        return Checked(code, Level.ERROR, (CHARACTERS,))
    total = sum(_USCC_ALPHABET.index(c) * w for c, w in zip(code, _USCC_WEIGHTS, strict=False))
    if _USCC_ALPHABET[(31 - total % 31) % 31] != code[17]:
        return Checked(code, Level.ERROR, (CHECKSUM,))
    if org_code(code[8:17]).level is not Level.OK:
        return Checked(code, Level.WARN, (ORG_PART,))
    return Checked(code, Level.OK)


def org_code(value: str) -> Checked:
    """Organisation code (GB 11714-1997), with or without its hyphen."""
    code = squeeze(value)
    if len(code) != 9:
        return Checked(code, Level.ERROR, (LENGTH,))
    if any(c not in _ORG_ALPHABET for c in code):
        return Checked(code, Level.ERROR, (CHARACTERS,))
    if code.startswith("PDY"):
        return Checked(code, Level.ERROR, (RESERVED,))
    check = 11 - sum(_ORG_ALPHABET.index(c) * w for c, w in zip(code, _ORG_WEIGHTS, strict=False)) % 11
    if {10: "X", 11: "0"}.get(check, str(check)) != code[8]:
        return Checked(code, Level.ERROR, (CHECKSUM,))
    return Checked(code, Level.OK)


def registration_no(value: str) -> Checked:
    """Business registration number of 15 digits (GS 15-2006), used before 2015."""
    number = squeeze(value)
    if not re.fullmatch(r"[0-9]{15}", number):
        return Checked(number, Level.ERROR, (LENGTH if len(number) != 15 else CHARACTERS,))
    rest = 10
    for digit in number[:14]:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    if (11 - rest) % 10 != int(number[14]):
        return Checked(number, Level.ERROR, (CHECKSUM,))
    return Checked(number, Level.OK)


def card_no(value: str) -> Checked:
    """Bank card number. A wrong check digit is only a doubt: some early cards have none."""
    number = squeeze(value)
    if not number.isascii() or not number.isdigit():
        return Checked(number, Level.ERROR, (CHARACTERS,))
    if not 13 <= len(number) <= 19:
        return Checked(number, Level.ERROR, (LENGTH,))
    if luhn_sum(tuple(int(d) for d in number)) % 10:
        return Checked(number, Level.WARN, (LUHN,))
    return Checked(number, Level.OK)


def luhn_sum(digits: Sequence[int]) -> int:
    """Sum of ISO/IEC 7812 over all digits, the check digit included."""
    doubled = (d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits)))
    return sum(doubled)


def mobile(value: str) -> Checked:
    """Chinese mobile number without its country code."""
    number = squeeze(value).lstrip("+").replace("(", "").replace(")", "")
    if len(number) == 13 and number.startswith("86"):
        number = number[2:]
    elif number.startswith("0086"):
        number = number[4:]
    if not re.fullmatch(r"1[3-9][0-9]{9}", number):
        return Checked(number, Level.ERROR, (LENGTH if len(number) != 11 else CHARACTERS,))
    if number in _JUNK_MOBILES or len(set(number[1:])) == 1:
        return Checked(number, Level.WARN, (JUNK,))
    return Checked(number, Level.OK)
