"""What charset a file seems to be in, when it does not look like the one its description names.

UTF-8 read as GB18030 often decodes without an error, into characters nobody wrote; so the bytes themselves are asked.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from core.warehouse.reading import open_data, raw_lines

LOOKED_AT = 2_000
"""Lines beyond ASCII that are looked at; they decide long before."""
_CHINESE = {"gb18030", "gbk", "gb2312"}
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What a Chinese text in UTF-8 is made of: hanzi, their punctuation, full-width forms, and dashes and quotes.
_WRITTEN = re.compile("[\u2010-\u2027\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff·]*")


def seems(path: Path, declared: str) -> str | None:
    """The charset the file is probably in; None when nothing speaks against ``declared``.

    Reads until ``LOOKED_AT`` lines beyond ASCII have been seen: the beginning of most files, all of one in ASCII, whose
    only Chinese line may be the last.

    Raises:
        OSError, EOFError: the file cannot be read or decompressed.
    """
    with open_data(path) as data:
        lines = (raw for _, raw in raw_lines(data))
        first = next(lines, b"")
        marked = next((charset for mark, charset in _MARKS.items() if first.startswith(mark)), None)
        if marked is not None:
            return None if marked == declared else marked
        foreign = list(islice((raw for raw in _all(first, lines) if _BEYOND_ASCII.search(raw)), LOOKED_AT))
    if not foreign:
        return None
    if declared in _CHINESE:
        return "utf-8" if all(_is_utf8(raw) for raw in foreign) else None
    if any(_fits(raw, declared) for raw in foreign):
        return None
    return next((other for other in ("utf-8", "gb18030") if all(_fits(raw, other) for raw in foreign)), None)


def _all(first: bytes, rest: Iterable[bytes]) -> Iterable[bytes]:
    yield first
    yield from rest


def _fits(raw: bytes, charset: str) -> bool:
    try:
        raw.decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8(raw: bytes) -> bool:
    """True when the line is UTF-8 and says something Chinese in it, which GB18030 gives by no usual text."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _WRITTEN.fullmatch("".join(c for c in text if not c.isascii())) is not None
