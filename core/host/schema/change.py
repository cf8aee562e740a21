"""Bring one owner's schema up or down, whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import command
from alembic.script import Script
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from core.host.schema import backfill
from core.host.schema.exclusive import BrokenReferences, Busy, transaction
from core.host.schema.ownership import references_into, version_table
from core.host.schema.revisions import BadScripts, config_of, line_of, options, scripts_of
from core.host.schema.state import (
    MigrationError,
    SchemaNewer,
    StillReferenced,
    after,
    because,
    current_revision,
    note,
    state,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """Revisions applied in one transaction, after the online backfill of the first when it has one."""

    scripts: tuple[Script, ...]

    @property
    def fills(self) -> bool:
        """Whether the first revision brings an online backfill."""
        return hasattr(self.scripts[0].module, "backfill")


def upgrade(engine: Engine, name: str, to: str | None = None) -> tuple[str, ...]:
    """Bring one owner's schema to the newest revision, or to ``to``; returns the revisions applied, oldest first.

    One transaction, unless a revision has an online backfill: then one up to it, the backfill in batches, and one more.

    Raises:
        MigrationError: the transaction that failed left nothing; the reason is kept and shown with the plugin.
        SchemaNewer: the database knows more than the code.
    """
    try:
        with told(name):
            return _upgrade(engine, name, to)
    except MigrationError as error:
        if not isinstance(error.__cause__, Busy):  # not its fault, and there is no writing now anyway
            _note_failure(engine, error)
        raise


def _upgrade(engine: Engine, name: str, to: str | None) -> tuple[str, ...]:
    found = state(engine, name)
    if found.condition == "newer":
        raise SchemaNewer(name, found.reason)
    todo = after(line_of(scripts_of(name)), found.current)
    if to is not None:
        names = [script.revision for script in todo]
        todo = todo[: names.index(to) + 1] if to in names else []
    applied: list[str] = []
    for stage in stages(todo):
        if stage.fills:
            backfill.run(engine, name, stage.scripts[0].revision, stage.scripts[0].module.backfill)
        with transaction(engine) as connection:
            applied += apply(connection, name, stage)
    return tuple(applied)


def stages(scripts: list[Script]) -> list[Stage]:
    """Cut before each revision that has an online backfill."""
    cuts: list[list[Script]] = []
    for script in scripts:
        if not cuts or hasattr(script.module, "backfill"):
            cuts.append([])
        cuts[-1].append(script)
    return [Stage(tuple(cut)) for cut in cuts]


def apply(connection: Connection, name: str, stage: Stage) -> list[str]:
    """Apply one stage inside the caller's transaction, leaving out what another process did while this one waited."""
    before = current_revision(connection, name)
    revisions = [script.revision for script in stage.scripts]
    if before in revisions:
        revisions = revisions[revisions.index(before) + 1 :]
    elif before != stage.scripts[0].down_revision:
        return []
    if not revisions:
        return []
    done: list[str] = []
    settings = {**options(name, connection), "on_version_apply": lambda step, **_: done.append(step.up_revision_id)}
    try:
        command.upgrade(config_of(name, connection=connection, options=settings), revisions[-1])
    except Exception as error:  # a migration file is anybody's Python
        raise MigrationError(name, f"revision {revisions[len(done)]}: {because(error)}") from error
    for revision in revisions:
        backfill.forget(connection, name, revision)
    note(connection, name, before, revisions[-1])
    return revisions


def downgrade(engine: Engine, name: str) -> None:
    """Take one owner's schema back to nothing.

    Raises:
        StillReferenced: an installed schema, even of a disabled plugin or a removed package, refers to it.
        MigrationError: something else stands in the way; nothing was changed.
    """
    with told(name), transaction(engine) as connection:
        downgrade_within(connection, name)


def downgrade_within(connection: Connection, name: str) -> None:
    """The same inside the caller's transaction, so that a purge can take the plugin's other traces with it."""
    references = references_into(connection, name)
    if references:
        raise StillReferenced(name, references)
    before = current_revision(connection, name)
    if before is None:
        return
    command.downgrade(config_of(name, connection=connection, options=options(name, connection)), "base")
    connection.execute(text(f"DROP TABLE {version_table(name)}"))
    note(connection, name, before, None)


@contextmanager
def told(name: str) -> Iterator[None]:
    """Whatever goes wrong inside leaves as a :class:`MigrationError` with one line of reason."""
    try:
        yield
    except MigrationError:
        raise
    except (BadScripts, BrokenReferences, Busy, LookupError) as error:
        raise MigrationError(name, str(error)) from error
    except Exception as error:  # a migration file is anybody's Python
        raise MigrationError(name, because(error)) from error


def _note_failure(engine: Engine, error: MigrationError) -> None:
    try:
        with engine.begin() as connection:
            at = current_revision(connection, error.name)
            note(connection, error.name, at, at, error.reason)
    except SQLAlchemyError:
        log.exception("the failed migration of %s could not be recorded", error.name)
