"""Survives the worker: which hooks were running when nothing of Python ran any more, and what could not be written.

A hook deep in C code (a regular expression gone wild) lets no other thread run, so no Python can notice it. The clock
of :mod:`faulthandler` needs none of it and ends the process; the next one reads here who it was.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import mmap
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from core.db.types import now
from core.host.faults import Fault

log = logging.getLogger(__name__)

SLOTS = 64
WIDTH = 192


class BlackBox:
    """Files in ``folder``, named by process. Until :meth:`open` nothing is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._map: mmap.mmap | None = None
        self._trace: IO[str] | None = None
        self._free: list[int] = []
        self._lock = threading.Lock()
        self._frozen = 0.0

    def open(self, frozen: float) -> None:
        """Begin to record; end the process once it has been ``frozen`` seconds without a :meth:`tick`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        calls = self._folder / f"{os.getpid()}.calls"
        calls.write_bytes(bytes(SLOTS * WIDTH))
        with calls.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), SLOTS * WIDTH)
        self._trace = (self._folder / f"{os.getpid()}.frozen").open("w", encoding="utf-8")
        self._free = list(range(SLOTS))
        self._frozen = frozen
        self.tick()

    def close(self) -> None:
        """Stop recording and leave nothing behind."""
        if self._trace is None or self._map is None:
            return
        faulthandler.cancel_dump_traceback_later()
        self._trace.close()
        self._map, self._trace = None, None
        for suffix in ("calls", "frozen"):
            (self._folder / f"{os.getpid()}.{suffix}").unlink(missing_ok=True)

    def tick(self) -> None:
        """Python is running."""
        if self._trace is not None:
            faulthandler.dump_traceback_later(self._frozen, exit=True, file=self._trace)

    def enter(self, plugin: str, hook: str) -> int | None:
        """A hook begins; returns the slot to leave."""
        if self._map is None:
            return None
        with self._lock:
            slot = self._free.pop() if self._free else None
        if slot is not None:
            line = f"{time.time():.3f}\t{plugin}\t{hook}".encode()[:WIDTH]
            self._map[slot * WIDTH : (slot + 1) * WIDTH] = line.ljust(WIDTH, b"\0")
        return slot

    def leave(self, slot: int | None) -> None:
        """The hook has come back."""
        if slot is None or self._map is None:
            return
        self._map[slot * WIDTH] = 0
        with self._lock:
            self._free.append(slot)

    def spool(self, fault: Fault) -> Path | None:
        """Keep a failure in a file, in case the database cannot take it before the process ends."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            path = self._folder / f"{os.getpid()}-{time.monotonic_ns()}.fault"
            path.write_text(json.dumps(asdict(fault), default=datetime.isoformat), "utf-8")
        except OSError as error:
            log.error("a failure could not be kept in %s: %s", self._folder, error)
            return None
        return path

    def unspool(self, path: Path | None) -> None:
        """It has been written to the database."""
        if path is not None:
            path.unlink(missing_ok=True)

    def recover(self, breaker: float) -> Iterator[Fault]:
        """What processes that have ended left behind; each is given once."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if path.suffix in {".calls", ".frozen", ".fault"} and not _alive(path.stem.partition("-")[0]):
                if path.suffix == ".fault":
                    yield from _spooled(path)
                elif path.suffix == ".calls":
                    yield from _frozen(path, breaker)
                path.unlink(missing_ok=True)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def _spooled(path: Path) -> Iterator[Fault]:
    try:
        values: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for key in ("at", "closed_until"):
            values[key] = values[key] and datetime.fromisoformat(values[key])
        yield Fault(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.error("%s cannot be read: %s", path, error)


def _frozen(path: Path, breaker: float) -> Iterator[Fault]:
    """The hook that ran longest when the process was ended by faulthandler's clock."""
    trace = path.with_suffix(".frozen")
    try:
        dump = trace.read_text("utf-8") if trace.exists() else ""
        data = path.read_bytes()
    except OSError:
        return  # another worker has just recovered it
    running = []
    for slot in range(len(data) // WIDTH):
        line = data[slot * WIDTH : (slot + 1) * WIDTH]
        if line[:1] != b"\0":
            began, plugin, hook = line.rstrip(b"\0").decode("utf-8", "replace").split("\t")
            running.append((float(began), plugin, hook))
    if dump and running:
        _, plugin, hook = min(running)
        reason = "it let nothing else of its worker run, which was ended and replaced"
        yield Fault(plugin, hook, "spins", reason, dump[-20_000:], now(), now() + timedelta(seconds=breaker))
