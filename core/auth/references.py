"""What was searched for, as addresses may carry it: document, phone, card and account numbers only as a reference.

Servers and proxies log addresses, browsers remember them. A reference is the text, encrypted for one session: it needs
the token in that session's cookie, so it says nothing to whoever finds it in a log, and nobody can open it once the
session has ended. The server keeps nothing.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import parse_qsl, urlencode

from flask import request

from core.auth.state import COOKIE
from core.db.secrets import SecretError, decrypt, encrypt
from core.monitoring.identifiers import SEPARATORS, folded, scrub

FIELD = "q"
"""The one field of addresses that holds what was searched for."""

MARK = "~"

_NUMBER = re.compile(rf"\d(?:[{SEPARATORS}]{{0,3}}+\d){{6}}")
_OWN = re.compile(r"[A-Z]\d{10}")
"""A number this system gave out, such as a customer's: outside of it, it names nobody."""
_URL_SAFE, _PLAIN = str.maketrans("+/:", "-_."), str.maketrans("-_.", "+/:")


def tells(text: str) -> bool:
    """Whether ``text`` could name a person, company or account: seven digits, however they are grouped, or a code or
    mail address as :func:`core.monitoring.identifiers.scrub` knows them."""
    plain = folded(text).upper()
    if _OWN.fullmatch(plain):
        return False
    return bool(_NUMBER.search(plain)) or any(scrub(t) != t for t in (plain, re.sub(r"[\s\-]", "", plain)))


def refer(text: str) -> str:
    """What stands for ``text`` in an address of this session: itself when it is harmless, else a reference.

    Empty when it must not stand there and there is no session to encrypt it for.
    """
    if not (tells(text) or text.startswith(MARK)):
        return text
    if not request.cookies.get(COOKIE):
        return ""
    return MARK + encrypt(text, _purpose()).rstrip("=").translate(_URL_SAFE)


def resolve(value: str) -> str | None:
    """The text behind what stands in an address; None when it was a reference of another session, or is none."""
    if not value.startswith(MARK):
        return value
    stored = value[len(MARK) :].translate(_PLAIN)
    _version, _colon, body = stored.partition(":")
    try:
        return decrypt(stored + "=" * (-len(body) % 4), _purpose())
    except SecretError:
        return None


def _purpose() -> str:
    # Of the token, but not what the database keeps of it: the tables and the keys together open nothing.
    return "search:" + hashlib.sha256(f"search:{request.cookies.get(COOKIE, '')}".encode()).hexdigest()


def harmless(name: str, value: str) -> bool:
    """Whether a parameter may be kept: it names nobody. What is searched for is held to :func:`tells`, the rest, where
    dates and numbers of pages are at home, only to what is certainly an identifier."""
    return not tells(value) if name == FIELD else scrub(value) == value


def exposed(url: str) -> bool:
    """Whether a parameter of an address names somebody."""
    return not all(harmless(name, value) for name, value in _query(url))


def without(url: str) -> str:
    """The address without the parameters that name somebody, and what was searched for where only one session can tell
    what it was; else as it is."""
    kept = [(n, v) for n, v in _query(url) if harmless(n, v) and not (n == FIELD and v.startswith(MARK))]
    if len(kept) == len(_query(url)):
        return url
    path = url.partition("?")[0]
    return f"{path}?{urlencode(kept)}" if kept else path


def _query(url: str) -> list[tuple[str, str]]:
    return parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True)
