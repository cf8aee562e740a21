"""Where the database and the code of one owner stand, and what can go wrong between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from sqlalchemy import Connection, Engine, Table, column, insert, inspect, select, table
from sqlalchemy.exc import DBAPIError

from core.db.sqlite import reading
from core.host.schema.line import folder_of, head_of
from core.host.schema.models import MigrationRun
from core.host.schema.ownership import Reference, version_table

if TYPE_CHECKING:
    from alembic.script import Script

_runs = cast(Table, MigrationRun.__table__)

Condition = Literal["none", "current", "pending", "newer", "unreadable"]


class MigrationError(Exception):
    """The schema of ``name`` could not be changed and is as it was; the message is the reason."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


class SchemaNewer(MigrationError):
    """The database holds a revision this code does not know: newer code has been here."""


class StillReferenced(MigrationError):
    """Other installed schemas have foreign keys into this one."""

    def __init__(self, name: str, references: list[Reference]) -> None:
        super().__init__(name, "still referred to by " + "; ".join(str(r) for r in references))
        self.references = tuple(references)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """One owner's schema. ``pending`` holds revision and title, oldest first; ``last_error`` that of the last attempt.

    Conditions: ``none`` (has no migrations), ``current``, ``pending`` (the database lacks revisions), ``newer`` (the
    database is ahead of the code), ``unreadable`` (the files are broken, or not there).
    """

    name: str
    current: str | None
    head: str | None
    pending: tuple[str, ...]
    condition: Condition
    reason: str = ""
    last_error: str = ""

    @property
    def installed(self) -> bool:
        """True when the database holds this owner's schema."""
        return self.current is not None


def state(engine: Engine, name: str) -> SchemaState:
    """Compare the revision in the database with the files. Never raises for what a plugin's files contain."""
    with reading(), engine.connect() as connection:
        current, error = current_revision(connection, name), _last_error(connection, name)
    if (current or "") == _plain_head(name):
        return SchemaState(name, current, current, (), "current" if current else "none", "", error)
    return _compared(name, current, error)


def _plain_head(name: str) -> str | None:
    try:
        return head_of(folder_of(name))
    except LookupError:
        return None


def _compared(name: str, current: str | None, error: str) -> SchemaState:
    """The database is not at what looks like the last revision: Alembic says why."""
    from core.host.schema.revisions import BadScripts, line_of, scripts_of

    try:
        line = line_of(scripts_of(name))
    except (BadScripts, LookupError) as trouble:
        return SchemaState(name, current, None, (), "unreadable", str(trouble), error)
    head = line[-1].revision if line else None
    if current is not None and current not in {script.revision for script in line}:
        reason = f"the database is at revision {current}, which this code does not know: newer code has been here"
        return SchemaState(name, current, head, (), "newer", reason, error)
    todo = tuple(title(script) for script in after(line, current))
    condition: Condition = "pending" if todo else "current" if head else "none"
    return SchemaState(name, current, head, todo, condition, "", error)


def pending(engine: Engine, name: str) -> tuple[str, ...]:
    """Revisions with their titles that the database lacks, oldest first."""
    return state(engine, name).pending


def title(script: Script) -> str:
    """Revision and first line of the file, as shown to bank IT."""
    return f"{script.revision} {script.doc}".strip()


def after(line: list[Script], current: str | None) -> list[Script]:
    """The part of ``line`` that comes after revision ``current``."""
    names = [script.revision for script in line]
    return line if current is None else line[names.index(current) + 1 :]


def current_revision(connection: Connection, name: str) -> str | None:
    """The owner's revision in the database, None when its schema is not installed."""
    if not inspect(connection).has_table(version_table(name)):
        return None
    found: str | None = connection.scalar(select(column("version_num")).select_from(table(version_table(name))))
    return found


def note(connection: Connection, name: str, before: str | None, now_at: str | None, error: str = "") -> None:
    """Remember one attempt, unless the core's own tables are not there yet."""
    if inspect(connection).has_table(_runs.name):
        values = {"plugin": name, "from_revision": before or "", "to_revision": now_at or "", "error": error}
        connection.execute(insert(_runs).values(values))


def _last_error(connection: Connection, name: str) -> str:
    if not inspect(connection).has_table(_runs.name):
        return ""
    newest = select(_runs.c.error).where(_runs.c.plugin == name).order_by(_runs.c.id.desc()).limit(1)
    return str(connection.scalar(newest) or "")


def because(error: BaseException) -> str:
    """One line that says why, without the statement's parameters, which may be customers' data."""
    if isinstance(error, DBAPIError):
        return str(error.orig).strip().split("\n")[0]
    return f"{type(error).__name__}: {error}".split("\n")[0]
