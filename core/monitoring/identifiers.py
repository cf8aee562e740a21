"""What an identifier of a person, company or account looks like in free text. One set of patterns for logs, for audit
entries and for what people type."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

REMOVED = "[removed]"

# Groups as people write them: 139 1234 5678, 6222-0202 0000 1234 567, 110105 19491231 002X.
_PERSONAL = r"""
    (?<![0-9A-Za-z]) (?:
        \d{6}[- ]?\d{8}[- ]?\d{3}[\dXx] | \d{15}              # identity card, new and old
      | (?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}           # mobile phone
      | \d{12,19} | \d{4}(?:[- ]\d{4}){2,3}(?:[- ]?\d{1,3})?  # account and card numbers
    ) (?![0-9A-Za-z])
    | (?<![\w.+-]) [\w.+-]++ @ [\w-]++ (?:\.[\w-]++)+          # mail; possessive, so that no text takes long
"""
_COMPANY = r"""
    (?<![0-9A-Za-z]) [0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10} (?![0-9A-Za-z])  # unified social credit code
"""
_ANY = re.compile(f"{_COMPANY}|{_PERSONAL}", re.VERBOSE)
_TYPED = re.compile(_PERSONAL, re.VERBOSE)


def scrub(text: str) -> str:
    """``text`` without what looks like an identifier of a person, company or account, also in full-width digits."""
    if _ANY.search(text):
        text = _ANY.sub(REMOVED, text)
    folded = unicodedata.normalize("NFKC", text)
    return _ANY.sub(REMOVED, folded) if _ANY.search(folded) else text


def cleaned(value: Any) -> Any:
    """A JSON value with every text in it scrubbed; names of fields are left."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {key: cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(one) for one in value]
    return value


def found_in(text: str) -> str | None:
    """The first identifier of a person or account in ``text``, in half-width signs; None when there is none.

    The credit codes of companies are public and not looked for.
    """
    found = _TYPED.search(unicodedata.normalize("NFKC", text))
    return found.group() if found else None
