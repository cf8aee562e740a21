"""The analytical engine: one in-memory DuckDB a process, one cursor a thread, reading Parquet below one folder.

Loaded at the first query: importing it costs a worker memory it may never need. Nothing outside this package gets a
cursor.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import current_app

if TYPE_CHECKING:
    import duckdb

THREADS = 2
MEMORY = "256MB"
"""The default is 80 % of the machine for each worker."""

_guard = threading.Lock()
_bases: dict[tuple[int, str], Any] = {}
_warming: set[tuple[int, str]] = set()
_local = threading.local()


def folder() -> Path:
    """The warehouse folder of the running app."""
    path: Path = current_app.config["CRM"].warehouse
    path.mkdir(parents=True, exist_ok=True)
    return path


def run(sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of one statement; decimals as ``Decimal``, days as ``date``."""
    cursor = _cursor()
    found: list[tuple[Any, ...]] = cursor.execute(sql, dict(values) if values else None).fetchall()
    return found


def warm() -> None:
    """Load the engine in the background, once a process, so that the first question need not wait for it."""
    key = (os.getpid(), str(folder().resolve()))
    with _guard:
        if key in _warming:
            return
        _warming.add(key)
    threading.Thread(target=_warm, args=(key,), name="crm-warm", daemon=True).start()


def _warm(key: tuple[int, str]) -> None:
    import ibis  # noqa: F401  # what compiles the questions takes longest to load

    with _guard:
        if key not in _bases:
            _bases[key] = _connect(Path(key[1]))


def _cursor() -> duckdb.DuckDBPyConnection:
    # A connection is not safe between threads, and not after a fork.
    key = (os.getpid(), str(folder().resolve()))
    cursors: dict[tuple[int, str], duckdb.DuckDBPyConnection] = _local.__dict__.setdefault("cursors", {})
    if key not in cursors:
        with _guard:
            if key not in _bases:
                _bases[key] = _connect(Path(key[1]))
            cursors[key] = _bases[key].cursor()
    return cursors[key]


def _connect(place: Path) -> duckdb.DuckDBPyConnection:
    import duckdb

    spill = place / ".spill"
    spill.mkdir(mode=0o700, exist_ok=True)
    base = duckdb.connect(":memory:", config={"threads": THREADS, "memory_limit": MEMORY})
    for setting, value in (
        ("temp_directory", f"'{_quoted(spill)}'"),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("preserve_insertion_order", "true"),
        ("allowed_directories", f"['{_quoted(place)}/']"),
        # No statement reaches a file outside the warehouse, whatever it says.
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        base.execute(f"SET {setting} = {value}")
    return base


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
