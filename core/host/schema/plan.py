"""What an upgrade is going to do, before it does it: statements, tables, rows, locks."""

from __future__ import annotations

import io
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alembic import command
from alembic.script import Script
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, table

from core.db.sqlite import reading
from core.host.schema.change import Stage, apply, told
from core.host.schema.exclusive import transaction
from core.host.schema.ownership import VERSION_PREFIX
from core.host.schema.revisions import config_of, line_of, options, scripts_of
from core.host.schema.state import after, because, current_revision, state, title

_TABLE = r'(?:IF (?:NOT )?EXISTS )?"?(\w+)"?'
_TOUCHES = (
    (re.compile(rf"ALTER TABLE (?:ONLY )?{_TABLE}", re.I), "readers and writers wait"),
    (re.compile(rf"DROP TABLE {_TABLE}", re.I), "readers and writers wait"),
    (re.compile(rf"CREATE (?:UNIQUE )?INDEX .* ON {_TABLE}", re.I), "writers wait"),
    (re.compile(rf"REFERENCES {_TABLE}", re.I), "writers wait"),
    (re.compile(rf"(?:INSERT INTO|UPDATE|DELETE FROM) {_TABLE}", re.I), "changed rows wait"),
    (re.compile(rf"CREATE TABLE {_TABLE}", re.I), "nobody waits"),
)
_STRENGTH = ("nobody waits", "changed rows wait", "writers wait", "readers and writers wait")
_SQLITE = "all writers wait"


@dataclass(frozen=True, slots=True)
class Touched:
    """A table the upgrade touches: its rows now (None: it does not exist yet) and who waits while it lasts."""

    table: str
    rows: int | None
    lock: str


@dataclass(frozen=True, slots=True)
class SchemaPlan:
    """An upgrade, told beforehand. ``sql`` is the text of its statements; ``note`` says what could not be told."""

    name: str
    revisions: tuple[str, ...]
    sql: str
    tables: tuple[Touched, ...]
    note: str = ""


def plan(engine: Engine, name: str) -> SchemaPlan:
    """What :func:`core.host.migrations.upgrade` would do now. The database is only read.

    Raises:
        MigrationError: the migration files cannot be read.
    """
    found = state(engine, name)
    if not found.pending:
        return SchemaPlan(name, (), "", (), found.reason)
    with told(name):
        todo = after(line_of(scripts_of(name)), found.current)
    try:
        rehearse = _on_a_copy if engine.dialect.name == "sqlite" else _as_script
        sql, note = "\n".join(rehearse(engine, name, todo)), ""
    except Exception as error:  # a migration that reads what only the real database has
        sql, note = "", f"the statements cannot be told beforehand: {because(error)}"
    fills = [script.revision for script in todo if hasattr(script.module, "backfill")]
    if fills:
        note = "; ".join(filter(None, (note, f"rows are filled online, in batches, before {', '.join(fills)}")))
    with reading(), engine.connect() as connection:
        tables = _touched(connection, sql)
    return SchemaPlan(name, tuple(title(script) for script in todo), sql, tables, note)


def _on_a_copy(engine: Engine, name: str, todo: list[Script]) -> list[str]:
    """Run it on a copy that has the tables and no rows: a rebuild is only known by doing it."""
    said: list[str] = []
    with TemporaryDirectory() as folder:
        copy = create_engine(f"sqlite:///{_copy(engine, name, Path(folder) / 'copy.db')}")
        with transaction(copy) as connection:

            @event.listens_for(connection, "before_cursor_execute")
            def _hear(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
                if not re.match(r"\s*(SELECT|PRAGMA|BEGIN)", statement, re.I) and VERSION_PREFIX not in statement:
                    said.append(f"{statement.strip()};")

            apply(connection, name, Stage(tuple(todo)))
    return [line for line in said if "core_migration_run" not in line and "core_backfill" not in line]


def _copy(engine: Engine, name: str, target: Path) -> Path:
    with reading(), engine.connect() as source, sqlite3.connect(target) as raw:
        everything = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        for (statement,) in source.exec_driver_sql(everything):
            raw.execute(statement)
        current = current_revision(source, name)
        if current is not None:
            raw.execute(f"INSERT INTO {VERSION_PREFIX}{name} VALUES (?)", (current,))
    raw.close()
    return target


def _as_script(engine: Engine, name: str, todo: list[Script]) -> list[str]:
    with reading(), engine.connect() as connection:
        current, settings = current_revision(connection, name), options(name, connection)
    out = io.StringIO()
    config = config_of(name, dialect=engine.dialect.name, options=settings, output=out)
    command.upgrade(config, f"{current or 'base'}:{todo[-1].revision}", sql=True)
    statements = re.split(r";\n", re.sub(r"(?m)^--.*\n", "", out.getvalue()))
    kept = (s.strip() for s in statements if VERSION_PREFIX not in s)
    return [f"{s};" for s in kept if s and s not in {"BEGIN", "COMMIT"}]


def _touched(connection: Connection, sql: str) -> tuple[Touched, ...]:
    locks: dict[str, str] = {}
    for pattern, lock in _TOUCHES:
        for name in pattern.findall(sql):
            locks[name] = max(lock, locks.get(name, lock), key=_STRENGTH.index)
    existing = set(inspect(connection).get_table_names())
    created = {name for name in locks if name not in existing}
    if connection.dialect.name == "sqlite":
        locks = dict.fromkeys(locks, _SQLITE)
    return tuple(
        Touched(name, None if name in created else _rows(connection, name), lock)
        for name, lock in sorted(locks.items())
        if not name.startswith("_alembic_tmp_")
    )


def _rows(connection: Connection, name: str) -> int:
    return int(connection.scalar(select(func.count()).select_from(table(name))) or 0)
