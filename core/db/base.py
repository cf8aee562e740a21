"""One ``MetaData`` for everything; one mapper registry for the core and one for each plugin.

Separate registries keep a plugin whose mapping is broken from breaking the core's own queries: its registry can be
disposed and its tables taken out again (:func:`discard`).
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import DeclarativeBase, registry

from core.db.types import Money, UTCDateTime

CORE = "core"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_TYPES: dict[Any, Any] = {datetime: UTCDateTime(), Decimal: Money()}


class CoreBase(DeclarativeBase):
    """Base of the core's own models; tables start with ``core_``."""

    metadata = metadata
    registry = registry(metadata=metadata, type_annotation_map=_TYPES)  # Flask-SQLAlchemy copies the body


_plugin_bases: dict[str, type[DeclarativeBase]] = {}


def plugin_base(name: str) -> type[DeclarativeBase]:
    """The declarative base of plugin ``name``: own registry, shared metadata, tables prefixed ``name_``.

    The same class for every call with one name, until the plugin is discarded.
    """
    if name not in _plugin_bases:
        _plugin_bases[name] = _make_base(name)
    return _plugin_bases[name]


def _make_base(name: str) -> type[DeclarativeBase]:
    class PluginBase(DeclarativeBase):
        __abstract__ = True
        registry = registry(metadata=metadata, type_annotation_map=_TYPES)

        def __init_subclass__(cls, **kwargs: Any) -> None:
            super().__init_subclass__(**kwargs)
            table = cls.__dict__.get("__table__")
            if isinstance(table, Table):
                table.info["plugin"] = name

    PluginBase.__name__ = f"{name.title()}Base"
    return PluginBase


def discard(name: str) -> None:
    """Forget everything plugin ``name`` mapped: dispose its registry and take its tables out of the metadata."""
    base = _plugin_bases.pop(name, None)
    if base is not None:
        base.registry.dispose(cascade=True)
    # Not sorted_tables: a foreign key that leads nowhere cannot be sorted, and may be why we are here.
    for table in [t for t in metadata.tables.values() if t.info.get("plugin", CORE) == name]:
        metadata.remove(table)


def tables_of(name: str) -> list[Table]:
    """Tables of one plugin (or of ``core``), parents first. Ownership is ``Table.info``, never the prefix."""
    return [t for t in metadata.sorted_tables if t.info.get("plugin", CORE) == name]
