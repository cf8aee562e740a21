"""Delivered files: GB18030, ``|$|``, line feed, and a control file with name, bytes, rows and MD5.

Dirt is added beside the good lines, never in place of one, so that what must be refused is known exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

DELIMITER = "|$|"
SOIL = b"\x81\xff"
"""Two bytes that are no character of GB18030."""


@dataclass(frozen=True, slots=True)
class Dirt:
    """One kind of bad line: how often, and how it is made of a good line's fields."""

    reason: str
    every: int
    make: Callable[[list[str], int], bytes]


def line(fields: Sequence[str]) -> bytes:
    """A good line."""
    return (DELIMITER.join(fields) + "\n").encode("gb18030")


def changed(position: int, value: str, key: str = "") -> Callable[[list[str], int], bytes]:
    """Dirt with another value in one field, under a key of its own that starts with ``key``."""

    def make(fields: list[str], number: int) -> bytes:
        fields[position] = value
        return line(_renamed(fields, key, number))

    return make


def undecodable(position: int, key: str) -> Callable[[list[str], int], bytes]:
    """Dirt with bytes in one field that are no character."""

    def make(fields: list[str], number: int) -> bytes:
        fields[position] = "\0"
        return line(_renamed(fields, key, number)).replace(b"\0", SOIL)

    return make


def repeated(fields: list[str], number: int) -> bytes:
    """Dirt that is the good line once more."""
    return line(fields)


def _renamed(fields: list[str], key: str, number: int) -> list[str]:
    return [f"{key}{number:08d}", *fields[1:]] if key else fields


@dataclass(slots=True)
class DataFile:
    """One data file being written; closes with its control file."""

    path: Path
    dirt: tuple[Dirt, ...] = ()
    good: int = 0
    rows: int = 0
    size: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    _out: BinaryIO = field(init=False)
    _md5: hashlib._Hash = field(init=False)

    def __post_init__(self) -> None:
        self._out = self.path.open("wb", buffering=1 << 20)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def add(self, lines: list[list[str]]) -> None:
        """Append good lines, and dirt where it is due."""
        if not lines:
            return
        before, self.good = self.good, self.good + len(lines)
        self._write(("\n".join(map(DELIMITER.join, lines)) + "\n").encode("gb18030"), len(lines))
        for number, kind in enumerate(self.dirt):
            first = 10 * (number + 1)
            for _ in range(_due(self.good, first, kind.every) - _due(before, first, kind.every)):
                count = self.refused[kind.reason] = self.refused.get(kind.reason, 0) + 1
                self._write(kind.make(list(lines[-1]), 10_000 * number + count), 1)

    def _write(self, data: bytes, rows: int) -> None:
        self._out.write(data)
        self._md5.update(data)
        self.rows += rows
        self.size += len(data)

    def close(self) -> None:
        """Finish the file, then its flag: who sees the flag finds the file whole."""
        self._out.close()
        control = f"{self.path.name}|{self.size}|{self.rows}|{self._md5.hexdigest()}\n"
        self.path.with_suffix(".ok").write_bytes(control.encode("ascii"))


def _due(good: int, first: int, every: int) -> int:
    """How often a kind is due within the first ``good`` lines."""
    return 0 if good < first else 1 + (good - first) // every
