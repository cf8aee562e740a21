"""A plugin's models, checked before they can do harm: its own registry is configured alone, and nobody else's changes.

Each rule here stands because its breach was seen to break the core's own queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table
from sqlalchemy.exc import NoReferencedColumnError, NoReferencedTableError
from sqlalchemy.orm import DeclarativeBase, Mapper, RelationshipProperty

from core.db.base import CORE, CoreBase, metadata, plugin_base


class MappingError(Exception):
    """The plugin's models cannot be used; the message names class, attribute or column and says how to mend it."""


@dataclass(frozen=True, slots=True)
class Before:
    """Tables, their owners and other people's mapped attributes as they were before a plugin's code ran."""

    owners: dict[str, str | None]
    attributes: dict[Mapper[Any], frozenset[str]]

    @classmethod
    def take(cls, others: Iterable[str]) -> Before:
        """Look now; ``others`` are the plugins loaded so far."""
        owners = {key: table.info.get("plugin") for key, table in metadata.tables.items()}
        bases: list[type[DeclarativeBase]] = [CoreBase, *(plugin_base(name) for name in others)]
        mappers = [mapper for base in bases for mapper in base.registry.mappers]
        return cls(owners, {mapper: frozenset(mapper._props) for mapper in mappers})

    def settle(self, name: str) -> None:
        """Give new tables to plugin ``name`` and take back what it did to others.

        Raises:
            MappingError: it changed tables or classes of somebody else; they are as before.
        """
        done = [*self._taken_tables(), *self._foreign_attributes()]
        core_tables = {mapper.local_table for mapper in CoreBase.registry.mappers}
        for key, table in metadata.tables.items():
            if key not in self.owners and table not in core_tables and not key.startswith("core_"):
                table.info.setdefault("plugin", name)
        if done:
            raise MappingError("; ".join(done))

    def _taken_tables(self) -> list[str]:
        said = []
        for key, owner in self.owners.items():
            info = metadata.tables[key].info if key in metadata.tables else {}
            if info.get("plugin") != owner:
                info["plugin"] = owner
                if owner is None:
                    del info["plugin"]
                said.append(f"table {key} belongs to {owner or CORE}; take out extend_existing and choose another name")
        return said

    def _foreign_attributes(self) -> list[str]:
        said = []
        for mapper, before in self.attributes.items():
            for attribute in sorted(frozenset(mapper._props) - before):
                _remove(mapper, attribute)
                said.append(
                    f"it adds {attribute!r} to {mapper.class_.__name__}, which is not its own; "
                    "keep the data in a table of the plugin's own"
                )
        return said


def _remove(mapper: Mapper[Any], attribute: str) -> None:
    mapper._props.pop(attribute)
    mapper._init_properties.pop(attribute, None)
    mapper._expire_memoizations()
    if attribute in mapper.class_.__dict__:
        type.__delattr__(mapper.class_, attribute)
    mapper.class_manager.uninstrument_attribute(attribute)  # type: ignore[no-untyped-call]


def configure(name: str, requires: Iterable[str]) -> None:
    """Check and configure the registry of plugin ``name`` alone.

    Raises:
        MappingError: a rule is broken.
        sqlalchemy.exc.SQLAlchemyError: SQLAlchemy itself refuses; its message names the class.
    """
    allowed = [*requires]
    own = plugin_base(name).registry
    for mapper in own.mappers:
        for prop in list(mapper._props.values()):
            if isinstance(prop, RelationshipProperty):
                _check_relationship(mapper, prop)
    for table in [t for t in metadata.tables.values() if t.info.get("plugin") == name]:
        _check_foreign_keys(name, table, allowed)
    lower: list[type[DeclarativeBase]] = [CoreBase, *(plugin_base(other) for other in allowed)]
    for base in lower:
        base.registry.configure(cascade=True)  # a lower floor may have been imported since; so a failure is not ours
    own.configure(cascade=True)  # "cascade" goes down to what we depend on, never up


def _check_relationship(mapper: Mapper[Any], prop: RelationshipProperty[Any]) -> None:
    tie = "backref" if prop.backref else "back_populates" if prop.back_populates else ""
    if tie and _is_foreign(mapper, prop.argument):
        raise MappingError(
            f"{mapper.class_.__name__}.{prop.key}: {tie} onto a class of another plugin or the core would change that "
            f"class; take {tie} out and query from this side"
        )


def _is_foreign(mapper: Mapper[Any], argument: Any) -> bool:
    """Whether a relationship points outside its own registry; a name can only be found inside."""
    if isinstance(argument, str):
        return False
    if callable(argument) and not isinstance(argument, type):
        try:
            argument = argument()
        except Exception:  # configuring will say it better
            return False
    target = argument if isinstance(argument, Mapper) else getattr(argument, "__mapper__", None)
    return target is not None and target.registry is not mapper.registry


def _check_foreign_keys(name: str, table: Table, allowed: list[str]) -> None:
    for key in table.foreign_keys:
        where = f"{table.name}.{key.parent.name}"
        try:
            target = key.column.table
        except (NoReferencedTableError, NoReferencedColumnError) as error:
            raise MappingError(f"{where}: its foreign key {key.target_fullname!r} leads nowhere: {error}") from error
        owner = target.info.get("plugin", CORE)
        if owner not in {CORE, name, *allowed}:
            raise MappingError(
                f"{where}: its foreign key leads to {target.name} of plugin {owner!r}; name {owner!r} in requires, or "
                "keep the key without a foreign key and follow crm_integrity"
            )
