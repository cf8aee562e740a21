"""One owner's rows in one file, and back: gzipped JSON lines, the first a header, then one per row.

Values are kept as the database writes them (text on PostgreSQL, SQLite's own storage classes), so that nothing is
rounded or re-encoded on the way. A file goes back into the same kind of database.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, inspect, text

from core.db.sqlite import reading
from core.db.types import now
from core.host.schema.change import told, upgrade
from core.host.schema.exclusive import transaction
from core.host.schema.ownership import tables_in
from core.host.schema.revisions import line_of, scripts_of
from core.host.schema.state import MigrationError, current_revision

FORMAT = 1
RESTORED = {"core_parameter": "name"}
"""Core tables whose rows :func:`restore` brings back, with the column that names what they are about."""


@dataclass(frozen=True, slots=True)
class Header:
    """First line of a file. ``tables`` counts the rows of each, the plugin's own first; ``core`` names the others."""

    plugin: str
    version: str
    revision: str | None
    dialect: str
    tables: dict[str, int]
    core: tuple[str, ...]
    made_at: str
    format: int = FORMAT


def write(engine: Engine, name: str, version: str, core_rows: dict[str, str], target: Path) -> Header:
    """Write the plugin's tables, and the rows of core tables that ``core_rows`` selects (table to SQL condition).

    The file is private to this user, complete and on disk when this returns, or not there at all.

    Raises:
        OSError: it cannot be written.
        MigrationError: what was read back is not what is in the tables.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_suffix(".part")
    with reading(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        own = tables_in(connection, name)
        wanted = {**dict.fromkeys(own, "1 = 1"), **core_rows}
        counts = {table: _count(connection, table, where) for table, where in wanted.items()}
        revision = current_revision(connection, name)
        header = Header(name, version, revision, engine.dialect.name, counts, tuple(core_rows), now().isoformat())
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as raw:
            with gzip.open(raw, "wt", encoding="utf-8") as out:
                out.write(_line(asdict(header)))
                for table, where in wanted.items():
                    for row in _rows(connection, table, where):
                        out.write(_line([table, row]))
            os.fsync(raw.fileno())
    found = Counter(table for table, _ in contents(part)[1])
    if found != Counter({table: count for table, count in counts.items() if count}):
        raise MigrationError(name, f"the backup {part} does not hold every row")
    part.rename(target)
    return header


def contents(file: Path) -> tuple[Header, Iterator[tuple[str, dict[str, Any]]]]:
    """Header and rows of a file.

    Raises:
        ValueError: not a backup of this kind.
    """
    with gzip.open(file, "rt", encoding="utf-8") as source:
        try:
            head = json.loads(source.readline())
            header = Header(**{**head, "core": tuple(head["core"])})
        except (json.JSONDecodeError, TypeError, KeyError, OSError) as error:
            raise ValueError(f"{file} is not a backup of a plugin: {error}") from error
    if header.format != FORMAT:
        raise ValueError(f"{file} is of format {header.format}; this version reads {FORMAT}")

    def rows() -> Iterator[tuple[str, dict[str, Any]]]:
        with gzip.open(file, "rt", encoding="utf-8") as again:
            again.readline()
            for line in again:
                table, row = json.loads(line)
                yield table, {column: _value(value) for column, value in row.items()}

    return header, rows()


def restore(engine: Engine, file: Path) -> Header:
    """Bring the plugin's schema to the file's revision and its rows back, in one transaction after the migrations.

    Later revisions are left for the ordinary upgrade. Parameters nobody has set again come back; grants stay in the
    file, for the security administrator to give anew: roles may mean something else by now.

    Raises:
        ValueError: not a backup.
        MigrationError: another kind of database, tables that hold rows already, or code that lacks the revision.
    """
    header, rows = contents(file)
    name = header.plugin
    if header.dialect != engine.dialect.name:
        raise MigrationError(name, f"the backup is of {header.dialect}, the database is {engine.dialect.name}")
    with told(name):
        known = [script.revision for script in line_of(scripts_of(name))]
        if header.revision is not None and header.revision not in known:
            raise MigrationError(name, f"the backup is of revision {header.revision}, which this code does not know")
        upgrade(engine, name, header.revision)
        with transaction(engine) as connection:
            _refuse_unfit(connection, header)
            has_table = inspect(connection).has_table
            kinds = {table: _kinds(connection, table) for table in header.tables if has_table(table)}
            taken = {table: _names(connection, table, column) for table, column in RESTORED.items() if table in kinds}
            for table, row in rows:
                if table not in header.core:
                    _insert(connection, table, kinds[table], row)
                elif table in RESTORED and row[RESTORED[table]] not in taken[table]:
                    _insert(connection, table, kinds[table], {c: v for c, v in row.items() if c != "id"})
            _settle_sequences(connection, header)
    return header


def _refuse_unfit(connection: Connection, header: Header) -> None:
    at = current_revision(connection, header.plugin)
    if at != header.revision:
        raise MigrationError(header.plugin, f"the schema is at {at}, the backup at {header.revision}; purge it first")
    full = [t for t in tables_in(connection, header.plugin) if _count(connection, t, "1 = 1")]
    if full:
        raise MigrationError(header.plugin, f"{', '.join(full)} hold rows already; purge the plugin first")


def _names(connection: Connection, table: str, column: str) -> set[str]:
    return set(connection.scalars(text(f"SELECT {_quoted(column)} FROM {_quoted(table)}")))


def _insert(connection: Connection, table: str, kinds: dict[str, str], row: dict[str, Any]) -> None:
    columns = [column for column in row if column in kinds]
    values = ", ".join(f"CAST(:{c} AS {kinds[c]})" if kinds[c] else f":{c}" for c in columns)
    names = ", ".join(f'"{c}"' for c in columns)
    overriding = "OVERRIDING SYSTEM VALUE " if connection.dialect.name == "postgresql" else ""
    statement = f'INSERT INTO "{table}" ({names}) {overriding}VALUES ({values})'
    connection.execute(text(statement), row)


def _kinds(connection: Connection, table: str) -> dict[str, str]:
    """Writable columns of a table with the type to cast to, which SQLite does without."""
    if connection.dialect.name == "sqlite":
        return {row[1]: "" for row in connection.exec_driver_sql(f"PRAGMA table_info({_quoted(table)})")}
    sql = (
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass(:t) "
        "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum"
    )
    return {row[0]: row[1] for row in connection.execute(text(sql), {"t": _quoted(table)})}


def _rows(connection: Connection, table: str, where: str) -> Iterator[dict[str, Any]]:
    kinds = _kinds(connection, table)
    cast = "CAST({} AS text)" if connection.dialect.name == "postgresql" else "{}"
    columns = ", ".join(f"{cast.format(_quoted(c))} AS {_quoted(c)}" for c in kinds)
    found = connection.execution_options(yield_per=1000).execute(
        text(f"SELECT {columns} FROM {_quoted(table)} WHERE {where} {_order(connection, table)}")
    )
    for row in found:
        yield {c: _plain(v) for c, v in zip(kinds, row, strict=True)}


def _order(connection: Connection, table: str) -> str:
    """By primary key, so that a row which refers to an earlier one of its own table comes after it."""
    key = inspect(connection).get_pk_constraint(table)["constrained_columns"]
    return f"ORDER BY {', '.join(_quoted(c) for c in key)}" if key else ""


def _settle_sequences(connection: Connection, header: Header) -> None:
    if connection.dialect.name != "postgresql":
        return
    for table in header.tables:
        for column in _kinds(connection, table):
            sql = text("SELECT pg_get_serial_sequence(:t, :c)")
            sequence = connection.scalar(sql, {"t": f'"{table}"', "c": column})
            if sequence:
                top = f"(SELECT max({_quoted(column)}) FROM {_quoted(table)})"
                connection.execute(text(f"SELECT setval('{sequence}', coalesce({top}, 1), {top} IS NOT NULL)"))


def _count(connection: Connection, table: str, where: str) -> int:
    return int(connection.scalar(text(f"SELECT count(*) FROM {_quoted(table)} WHERE {where}")) or 0)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode("ascii")} if isinstance(value, bytes) else value


def _value(value: Any) -> Any:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else value


def _line(value: Sequence[Any] | dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"
