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

    from core.config import Config

_guard = threading.Lock()
_importing = threading.Lock()
_bases: dict[tuple[int, str], Any] = {}
_warming: set[tuple[int, str]] = set()
_local = threading.local()


def folder() -> Path:
    """The warehouse folder of the running app."""
    path: Path = current_app.config["CRM"].warehouse
    path.mkdir(parents=True, exist_ok=True)
    return path


def staging() -> Path:
    """Where a run of the batch keeps what is not published yet; on the same file system, so that a rename suffices."""
    return folder() / ".staging"


class EngineFailed(Exception):
    """The engine could not do it: no room, memory, or a file it cannot read."""


def run(sql: str, values: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The rows of one statement; decimals as ``Decimal``, days as ``date``.

    Raises:
        EngineFailed: the statement could not be run to its end.
    """
    cursor = _cursor()
    import duckdb  # by now it is there

    try:
        found: list[tuple[Any, ...]] = cursor.execute(sql, dict(values) if values else None).fetchall()
    except duckdb.Error as error:
        raise EngineFailed(str(error)) from error
    return found


def literal(value: str) -> str:
    """``value`` as a text in a statement."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """``name`` as the name of a column in a statement."""
    return '"' + name.replace('"', '""') + '"'


def parquet(path: Path) -> str:
    """What a statement reads the one Parquet file with."""
    return f"read_parquet({literal(str(path))})"


def warm(*, wait: bool = False) -> None:
    """Load the engine, once a process: in the background by default, so that the first question need not wait for it.

    With ``wait`` it is there on return: for who is about to start a clock in which no plugin could load it.
    """
    if wait:
        load()
        _cursor()
        return
    key = (os.getpid(), str(folder().resolve()))
    with _guard:
        if key in _warming:
            return
        _warming.add(key)
    config = current_app.config["CRM"]
    threading.Thread(target=_warm, args=(key, config), name="crm-warm", daemon=True).start()


def load() -> None:
    """Import what compiles the questions, which takes longest. One thread at a time: two that import Ibis at once see
    each other's half of its circle of modules, and fail."""
    with _importing:
        import ibis.backends.sql.compilers.duckdb  # noqa: F401


def _warm(key: tuple[int, str], config: Config) -> None:
    load()
    with _guard:
        if key not in _bases:
            _bases[key] = _connect(config)


def _cursor() -> duckdb.DuckDBPyConnection:
    # A connection is not safe between threads, and not after a fork.
    key = (os.getpid(), str(folder().resolve()))
    cursors: dict[tuple[int, str], duckdb.DuckDBPyConnection] = _local.__dict__.setdefault("cursors", {})
    if key not in cursors:
        with _guard:
            if key not in _bases:
                _bases[key] = _connect(current_app.config["CRM"])
            cursors[key] = _bases[key].cursor()
    return cursors[key]


def _connect(config: Config) -> duckdb.DuckDBPyConnection:
    """The limits are for each process: by itself the engine would take 80 % of the machine and all of its cores."""
    import duckdb

    place, spill = config.warehouse.resolve(), config.spill
    spill.mkdir(mode=0o700, parents=True, exist_ok=True)
    limits: dict[str, str | bool | int | float | list[str]] = {
        "threads": config.warehouse_threads,
        "memory_limit": config.warehouse_memory,
    }
    base = duckdb.connect(":memory:", config=limits)
    for setting, value in (
        ("temp_directory", literal(str(spill))),
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("preserve_insertion_order", "true"),
        ("allowed_directories", f"[{literal(f'{place}/')}]"),
        # No statement reaches a file outside the warehouse, whatever it says.
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        base.execute(f"SET {setting} = {value}")
    return base
