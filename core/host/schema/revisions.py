"""Alembic narrowed to one owner: its folder, its version table, its tables. No ``alembic.ini`` anywhere."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, TypeDecorator

from core.db.base import CORE, metadata
from core.db.types import Money
from core.host.schema.line import SCRIPTS, folder_of
from core.host.schema.ownership import VERSION_PREFIX, owner_of, owners, version_table


class BadScripts(Exception):
    """The migration files of one owner cannot be read or do not form one line; the message names file and reason."""


def config_of(name: str, **attributes: Any) -> Config:
    """An Alembic configuration for one owner; ``attributes`` reach ``migrations/env.py``."""
    config = Config(attributes=attributes, output_buffer=attributes.get("output"))
    for option, value in (("script_location", SCRIPTS), ("version_locations", folder_of(name))):
        config.set_main_option(option, str(value).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    return config


def scripts_of(name: str) -> ScriptDirectory:
    """The owner's revisions, checked: readable, one line, one head.

    Raises:
        BadScripts: a file does not import, names a predecessor that is not there, or two files follow the same one.
        LookupError: see :func:`folder_of`.
    """
    config = config_of(name)
    try:
        directory = ScriptDirectory.from_config(config)
        heads = directory.get_heads()
    except Exception as error:  # a migration file is anybody's Python
        file = _culprit(error, folder_of(name))
        raise BadScripts(f"migrations of {name}: {file}{type(error).__name__}: {error}") from error
    if len(heads) > 1:
        raise BadScripts(f"migrations of {name}: {' and '.join(sorted(heads))} are both last; let one follow the other")
    return directory


def _culprit(error: BaseException, folder: Path) -> str:
    names = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        names.append(error.filename)
    mine = [Path(name).name for name in names if Path(name).parent == folder.resolve()]
    return f"{mine[-1]}: " if mine else ""


def line_of(directory: ScriptDirectory) -> list[Script]:
    """Every revision, oldest first."""
    return list(reversed(list(directory.walk_revisions()))) if directory.get_heads() else []


def options(name: str, connection: Connection | None = None) -> dict[str, Any]:
    """What ``context.configure`` needs so that one owner sees its own tables only.

    With a connection, tables that only the database knows are told apart too.
    """
    everybody = owners(connection) if connection is not None else frozenset({name})

    def include_name(table: str | None, kind: str, _parents: Any) -> bool:
        if kind != "table" or table is None:
            return True
        return not table.startswith(VERSION_PREFIX) and owner_of(table, everybody) == name

    def include_object(thing: Any, _name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
        return kind != "table" or reflected or thing.info.get("plugin", CORE) == name

    return {
        "target_metadata": metadata,
        "version_table": version_table(name),
        "include_name": include_name,
        "include_object": include_object,
        "compare_type": True,
        "render_as_batch": True,
        "render_item": render_item,
    }


def render_item(kind: str, thing: Any, _context: Any) -> str | bool:
    """Write plain SQLAlchemy types, so that a migration means the same after our own types have changed."""
    if kind != "type" or not isinstance(thing, TypeDecorator):
        return False
    if isinstance(thing, Money):
        return 'sa.Numeric(precision=20, scale=2).with_variant(sa.BigInteger(), "sqlite")'
    plain = thing.impl_instance
    return f"sa.{plain!r}" if type(plain).__module__ == "sqlalchemy.sql.sqltypes" else False
