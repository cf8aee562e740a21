"""Lines of a delivered file: read in a stream, decoded strictly, then split. Never the other way round.

In GB18030 the second byte of 116 common characters is ``|`` and of others ``\\``, so bytes are split only at the line
feed, which is never part of a character in any charset we accept.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import re
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import IO, cast

from core.warehouse.convert import Refused
from core.warehouse.sources import Table

LONGEST = 1 << 20
"""Bytes of the longest line that is read; a longer one is refused and skipped in pieces."""

# Python's codec follows the 2005 edition; the 2022 edition gives these eighteen codes real characters.
_EDITION_2022 = {
    bytes.fromhex(code).decode("gb18030"): character
    for code, character in {
        "A6D9": "\ufe10", "A6DA": "\ufe12", "A6DB": "\ufe11", "A6DC": "\ufe13", "A6DD": "\ufe14", "A6DE": "\ufe15",
        "A6DF": "\ufe16", "A6EC": "\ufe17", "A6ED": "\ufe18", "A6F3": "\ufe19", "FE59": "\u9fb4", "FE61": "\u9fb5",
        "FE66": "\u9fb6", "FE67": "\u9fb7", "FE6D": "\u9fb8", "FE7E": "\u9fb9", "FE90": "\u9fba", "FEA0": "\u9fbb",
    }.items()
}  # fmt: skip
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_TO_2022 = str.maketrans(_EDITION_2022)


def open_data(path: Path) -> IO[bytes]:
    """The bytes of the file, decompressed where its name ends in ``.gz``."""
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def digests(path: Path) -> tuple[str, str]:
    """SHA-256 and MD5 of the file as delivered. MD5 is what control files carry; nothing relies on it for safety."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as data:
        while chunk := data.read(LONGEST):
            sha256.update(chunk)
            md5.update(chunk)
    return sha256.hexdigest(), md5.hexdigest()


def raw_lines(data: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """``(number, bytes)`` of each line without its end, from 1. A line above ``LONGEST`` comes cut to that length."""
    number = 0
    while raw := data.readline(LONGEST):
        number += 1
        if raw.endswith(b"\n"):
            yield number, raw[:-2] if raw.endswith(b"\r\n") else raw[:-1]
            continue
        yield number, raw
        while len(raw) == LONGEST and not raw.endswith(b"\n"):
            raw = data.readline(LONGEST)


def splitter(table: Table) -> Callable[[bytes], list[str]]:
    """A function from a line's bytes to its fields. It raises ``Refused`` and never shifts a field."""
    decode = _decoder(table)
    if table.widths:
        return _fixed(table, decode)
    ending = table.record_end.rstrip("\r\n")
    split = _quoted(table) if table.quote else lambda text: text.split(table.delimiter)

    def fields(raw: bytes) -> list[str]:
        text = decode(raw)
        if ending:
            if not text.endswith(ending):
                raise Refused("record_end", f"does not end in {ending}")
            text = text[: -len(ending)]
        return split(text)

    return fields


def _decoder(table: Table) -> Callable[[bytes], str]:
    charset, chinese = table.charset, table.charset.startswith("gb")

    def decode(raw: bytes) -> str:
        if len(raw) >= LONGEST:
            raise Refused("too_long", f"is longer than {LONGEST} bytes")
        try:
            text = raw.decode(charset)
        except UnicodeDecodeError as error:
            raise Refused("undecodable", f"byte {error.start + 1} is not {charset}") from None
        return text.translate(_TO_2022) if chinese and _PRIVATE.search(text) else text

    return decode


def _quoted(table: Table) -> Callable[[str], list[str]]:
    delimiter, quote = table.delimiter, table.quote

    def split(text: str) -> list[str]:
        if quote not in text:
            return text.split(delimiter)
        try:
            return next(csv.reader((text,), delimiter=delimiter, quotechar=quote, strict=True))
        except (csv.Error, StopIteration) as error:
            raise Refused("bad_quotes", f"quotes do not match: {error}") from None

    return split


def _fixed(table: Table, decode: Callable[[bytes], str]) -> Callable[[bytes], list[str]]:
    ends = list(accumulate(table.widths))
    starts = [0, *ends[:-1]]

    def fields(raw: bytes) -> list[str]:
        if len(raw) != ends[-1]:
            raise Refused("column_count", f"has {len(raw)} bytes instead of {ends[-1]}")
        decode(raw)
        return [decode(raw[start:end]) for start, end in zip(starts, ends, strict=True)]

    return fields
