"""What an identifier of a person, company or account looks like in free text. One set of patterns for logs, for audit
entries, for addresses and for what people type.

Letters may stand on either side, and groups may be set apart as people do it. Every repetition is bounded or
possessive, so that no text takes long.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from core.db.text import visible

REMOVED = "[removed]"

SEPARATORS = r"\s\-\u2010-\u2015_.·/()"
"""What people put between the digits of a number, for use inside ``[…]``."""
_GAP, _SET_APART = rf"[{SEPARATORS}]{{0,3}}+", rf"[{SEPARATORS}]{{1,3}}+"

_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)+")
_DIGEST = r"""
    (?<![0-9A-Za-z]) (?=[0-9-]{0,63}[a-f])                          # request numbers and hashes are nobody's number
    (?: [0-9a-f]{32} | [0-9a-f]{40} | [0-9a-f]{64} | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12} ) (?![0-9A-Za-z])
"""
_PERSONAL = rf"""
    (?<!\d) (?:
        \d{{6}}{_GAP}\d{{4}}{_GAP}\d{{4}}{_GAP}\d{{3}}{_GAP}[\dXx]  # identity card
      | (?:(?:\+|00)?86{_GAP})?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}   # mobile phone
      | (?! \d{{1,4}}(?:\.\d{{1,4}}){{3}}(?!\.?\d) )                # not an address or version of a machine,
        (?! \d{{3}}\D(?:19|20)\d\d[-./]\d{{1,2}}[-./]\d{{1,2}}(?!\d) )  # and not a number before a date:
        1[3-9]\d(?P<gap>{_SET_APART})\d(?:(?P=gap)?\d){{7}}         # the phone in other groups, set apart alike
      | 1(?P<each>{_SET_APART})[3-9](?:(?P=each)\d){{9}}            # or digit by digit
      | \d{{12,19}}                                                 # account and card numbers, old identity cards
      | \d{{6}}{_SET_APART}\d{{10,13}}
      | (?! (?:(?:19|20)\d\d\D{{1,3}}){{2}} )                       # a list of years is none
        \d{{4}}(?:{_SET_APART}\d{{4}}){{2,3}}(?:{_GAP}\d{{1,3}})?
    ) (?!\d)
"""
_COMPANY = r"""
    (?<![0-9A-Za-z]) [0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10} (?![0-9A-Za-z])  # unified social credit code
"""
_ANY = re.compile(f"(?P<kept>{_DIGEST})|{_COMPANY}|{_PERSONAL}", re.VERBOSE)
_TYPED = re.compile(f"(?P<kept>{_DIGEST})|{_PERSONAL}", re.VERBOSE)


def folded(text: str) -> str:
    """``text`` in half-width signs and without those that cannot be seen: two ways to write a number are one then."""
    return visible(unicodedata.normalize("NFKC", visible(text)))


def scrub(text: str) -> str:
    """``text`` without what looks like an identifier of a person, company or account, also in full-width digits or
    with invisible signs between them."""
    text = _without(text)
    if text.isascii():
        return text
    plain = folded(text)
    cut = _without(plain)
    return text if cut == plain else cut


def _without(text: str) -> str:
    # Mail addresses first: a number in one is part of it.
    return _ANY.sub(lambda found: found[0] if found["kept"] else REMOVED, _MAIL.sub(REMOVED, text))


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
    plain = folded(text)
    mail = _MAIL.search(plain)
    if mail:
        return mail[0]
    return next((found[0] for found in _TYPED.finditer(plain) if not found["kept"]), None)
