"""Which rows a session may touch: the user's access turned into one plain criterion per scoped class.

A class is scoped when it declares ``__scope__ = {subject: column}``, or when a scope provider names it as the model of
its subject. The criterion is wrapped in a :class:`Guard`, which the compiler of :mod:`core.db.guard` looks for wherever
a scoped table stands in a FROM.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Boolean, Column, Table, and_, event, exists, false, inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.util import LoaderCriteriaOption
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.visitors import InternalTraversal

from core.contract.types import Reach, ScopeProvider
from core.db.base import CoreBase, _plugin_bases


class ScopeError(Exception):
    """Something would have touched rows the scope cannot answer for; nothing was read or written."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who acts, for which action, and how far that action reaches for them."""

    user_id: int
    action: str
    reach: Reach


class Guard(ColumnElement[bool]):
    """A criterion together with a column of the table it guards; both follow the table into its aliases."""

    __visit_name__ = "crm_guard"
    _traverse_internals = [  # noqa: RUF012  (SQLAlchemy declares it without ClassVar)
        ("element", InternalTraversal.dp_clauseelement),
        ("anchor", InternalTraversal.dp_clauseelement),
    ]
    type = Boolean()
    _is_implicitly_boolean = True

    def __init__(self, element: ColumnElement[bool], anchor: ColumnElement[Any]) -> None:
        self.element = element
        self.anchor = anchor

    def self_group(self, against: Any = None) -> Any:
        """Itself: the compiler always writes the brackets."""
        return self

    @property
    def _from_objects(self) -> Any:
        return self.element._from_objects


class ScopeOption(LoaderCriteriaOption):
    """``with_loader_criteria`` of the row scope, told apart from what a caller adds."""

    _traverse_internals = LoaderCriteriaOption._traverse_internals  # own, or SQLAlchemy would not cache statements

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        criterion = super()._resolve_where_criteria(ext_info)
        # a join with an ON of its own would leave plain criteria on the table where they belong to its alias
        return ext_info._adapter.traverse(criterion) if ext_info.is_aliased_class else criterion


# -- which classes are scoped ------------------------------------------------------------------------------------------

_scoped: dict[str, weakref.ref[Mapper[Any]]] = {}
"""Table name to mapper of every scoped class of the process. A class once seen as scoped stays so while its plugin is
off: a provider that is not there must not turn its model into one without scope."""


def _note(mapper: Mapper[Any], cls: type[Any]) -> None:
    if getattr(cls, "__scope__", None):
        _remember(mapper)


def _remember(mapper: Mapper[Any]) -> None:
    base = mapper.base_mapper
    table = base.local_table
    if not isinstance(table, Table) or (mapper.local_table is not None and mapper.local_table is not table):
        raise ScopeError(f"{mapper.class_.__name__}: a scoped model has one table, without joined inheritance")
    _scoped[table.name.lower()] = weakref.ref(base)


@event.listens_for(Mapper, "after_mapper_constructed")
def _constructed(mapper: Mapper[Any], cls: type[Any]) -> None:
    _note(mapper, cls)


_known: tuple[Any, ...] = (CoreBase, *_plugin_bases.values())
for _base in _known:
    for _mapper in _base.registry.mappers:
        _note(_mapper, _mapper.class_)


def scoped_tables() -> frozenset[str]:
    """Lower-case names of the tables whose rows have a scope."""
    return frozenset(_scoped)


def scoped_mapper(table: str) -> Mapper[Any] | None:
    """The mapper of a scoped table, None when the table is not scoped."""
    found = _scoped.get(table.lower())
    return None if found is None else _in_use(found)


def is_scoped(mapper: Mapper[Any]) -> bool:
    """True when rows of this mapper have a scope."""
    table = mapper.base_mapper.local_table
    return isinstance(table, Table) and table.name.lower() in _scoped


def _in_use(found: weakref.ref[Mapper[Any]]) -> Mapper[Any] | None:
    mapper = found()
    # That of a plugin that failed to load is disposed of, and may live on in what its relationships pointed to.
    return mapper if mapper is not None and inspect(mapper.class_, raiseerr=False) is mapper else None


def _living() -> list[Mapper[Any]]:
    return [mapper for mapper in (_in_use(found) for found in _scoped.values()) if mapper is not None]


# -- the criteria of one session ---------------------------------------------------------------------------------------


class Criteria:
    """The criteria of one access, built once and from plain columns and values only."""

    def __init__(self, access: Access, providers: Iterable[ScopeProvider]) -> None:
        self.access = access
        self.providers: dict[str, ScopeProvider] = {}
        for provider in providers:
            if provider.subject in self.providers:
                raise ScopeError(f"{provider.subject} has two scope providers")
            self.providers[provider.subject] = provider
            _remember(inspect(provider.model))
        self._guards: dict[Mapper[Any], Guard] = {}
        self._rows: dict[str, tuple[Any, ColumnElement[Any], ColumnElement[bool]]] = {}

    def guard(self, mapper: Mapper[Any]) -> Guard:
        """The criterion of a scoped mapper over its own table."""
        base = mapper.base_mapper
        if base not in self._guards:
            anchor = _column(base, base.primary_key[0].name)
            self._guards[base] = Guard(self._criterion(base), anchor)
        return self._guards[base]

    def subjects(self, mapper: Mapper[Any]) -> Mapping[str, str]:
        """Subject to column name, as the class declares them or as the provider implies."""
        declared: Mapping[str, str] = getattr(mapper.base_mapper.class_, "__scope__", None) or {}
        own = {p.subject: p.key for p in self.providers.values() if inspect(p.model).base_mapper is mapper.base_mapper}
        return {**own, **declared}

    @cached_property
    def options(self) -> tuple[ScopeOption, ...]:
        """One option for each scoped class."""
        return tuple(ScopeOption(m.class_, self.guard(m), include_aliases=True) for m in _living())

    @cached_property
    def deciding(self) -> Mapping[str, frozenset[str]]:
        """Columns, by table, that decide whether some row is in scope: for this user or for any other."""
        found: dict[str, set[str]] = {}
        for mapper in _living():
            for column in self.subjects(mapper).values():
                found.setdefault(_table_name(mapper.local_table), set()).add(column)
        for provider in self.providers.values():
            for element in visitors.iterate(provider.criterion(_Probe(), inspect(provider.model).local_table)):
                if isinstance(element, Column) and element.table is not None:
                    found.setdefault(_table_name(element.table), set()).add(element.name)
        return {table: frozenset(columns) for table, columns in found.items()}

    def subject_rows(self, subject: str) -> tuple[Any, ColumnElement[Any], ColumnElement[bool]]:
        """``(alias of the provider's table, its key column, criterion over it)``. KeyError without a provider."""
        if subject not in self._rows:
            provider = self.providers[subject]
            table = inspect(provider.model).local_table.alias()
            self._rows[subject] = table, table.c[provider.key], self._ask(provider, table)
        return self._rows[subject]

    def _criterion(self, mapper: Mapper[Any]) -> ColumnElement[bool]:
        parts = [self._one(mapper, subject, column) for subject, column in sorted(self.subjects(mapper).items())]
        return and_(*parts) if parts else false()

    def _one(self, mapper: Mapper[Any], subject: str, column: str) -> ColumnElement[bool]:
        provider = self.providers.get(subject)
        if provider is None:
            return false()
        pointer = _column(mapper, column)
        if inspect(provider.model).base_mapper is mapper and column == provider.key:
            return _of_mapper(mapper, self._ask(provider, mapper.local_table))
        rows, key, criterion = self.subject_rows(subject)
        return exists().select_from(rows).where(key == pointer, criterion).correlate_except(rows)

    def _ask(self, provider: ScopeProvider, table: Any) -> ColumnElement[bool]:
        criterion = provider.criterion(self.access.reach, table)
        if not isinstance(criterion, ColumnElement):
            raise ScopeError(f"the scope provider of {provider.subject} gave no SQL criterion")
        return criterion


class _Probe:
    """A reach that makes a provider show every column it may ask."""

    whole_bank = False
    employee_id = 0
    lines = frozenset({""})

    def covers(self, org_id: ColumnElement[Any]) -> ColumnElement[bool]:
        """Any criterion on the column."""
        return org_id == 0


def _of_mapper(mapper: Mapper[Any], criterion: ColumnElement[bool]) -> ColumnElement[bool]:
    """The criterion in terms of mapped attributes: a join along a relationship does not alias plain columns."""

    def replace(element: Any, **kw: Any) -> Any:
        if isinstance(element, Column) and element.table is mapper.local_table:
            return _column(mapper, element.name)
        return None

    return visitors.replacement_traverse(criterion, {}, replace)


def _column(mapper: Mapper[Any], name: str) -> ColumnElement[Any]:
    table = mapper.local_table
    if name not in table.c:
        raise ScopeError(f"{mapper.class_.__name__}.__scope__ names {name!r}, which is no column of its table")
    column: ColumnElement[Any] = mapper.get_property_by_column(table.c[name]).class_attribute.__clause_element__()
    return column


def _table_name(table: Any) -> str:
    while not isinstance(table, Table) and getattr(table, "element", None) is not None:
        table = table.element
    return str(getattr(table, "name", "")).lower()
