"""What happens to each ORM statement before it is compiled: refused by its shape, or given the criteria of its access.

The refusals here have clear words; :mod:`core.db.guard` refuses again whatever slips through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.orm.context import FromStatement
from sqlalchemy.sql.ddl import ExecutableDDLElement
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.sql.selectable import TextualSelect

from core.db.scope import Criteria, ScopeError, ScopeOption, is_scoped, scoped_mapper

if TYPE_CHECKING:
    from core.db.session import CrmSession


def listen(session_class: type[CrmSession]) -> None:
    """Look at each statement of sessions of this class."""
    event.listen(session_class, "do_orm_execute", _before)


def _before(state: ORMExecuteState) -> None:
    session: CrmSession = state.session  # type: ignore[assignment]
    writes = state.is_insert or state.is_update or state.is_delete
    if session.unscoped is None:
        _refuse_shape(state)
        if writes:
            _refuse_write(state, session)
        if session.access is not None:
            _add_criteria(state, session.criteria)
    if writes:
        session.must_write()


def _refuse_shape(state: ORMExecuteState) -> None:
    statement: Any = state.statement
    if isinstance(statement, TextClause | TextualSelect):
        raise ScopeError("text() cannot be scoped; write it as an expression or open unscoped(reason)")
    if isinstance(statement, FromStatement):
        raise ScopeError("from_statement() cannot be scoped; select the entity itself")
    if isinstance(statement, ExecutableDDLElement):
        raise ScopeError("tables are changed by migrations, not in a session")


def _refuse_write(state: ORMExecuteState, session: CrmSession) -> None:
    statement: Any = state.statement
    table = str(getattr(statement.table, "name", "")).lower()
    if scoped_mapper(table) is None:
        return
    if state.is_insert:
        raise ScopeError(f"rows of {table} are added as objects (session.add), so that each can be checked")
    if not isinstance(state.parameters, dict | None):
        raise ScopeError(f"executemany on {table}: rows are changed one by one as objects, or by criteria")
    if state.is_update:
        set_columns = _set_columns(statement, state.parameters or {})
        deciding = session.criteria.deciding.get(table, frozenset()) & set_columns
        if deciding:
            raise ScopeError(f"{table}.{sorted(deciding)[0]} decides scope; change it on objects, one row at a time")


def _set_columns(statement: Any, parameters: Any) -> set[str]:
    """Names of the columns an UPDATE sets, by column or attribute name."""
    keys: list[Any] = [*(statement._values or {}), *parameters]
    keys += [key for key, _ in getattr(statement, "_ordered_values", None) or ()]
    mapper = scoped_mapper(statement.table.name)
    names = set()
    for key in keys:
        name = str(getattr(key, "key", key))
        attribute = mapper.columns.get(name) if mapper is not None else None
        names |= {name, str(getattr(key, "name", name))} | ({str(attribute.name)} if attribute is not None else set())
    return names


def _add_criteria(state: ORMExecuteState, criteria: Criteria) -> None:
    statement: Any = state.statement
    mine = criteria.options
    given = statement._with_options
    if any(isinstance(o, ScopeOption) and not _among(o, mine) for o in given):
        statement = statement._generate()
        given = statement._with_options = tuple(o for o in given if not isinstance(o, ScopeOption))
    statement = statement.options(*(o for o in mine if not _among(o, given)))
    if state.is_select and state.is_column_load and state.bind_mapper is not None and is_scoped(state.bind_mapper):
        # SQLAlchemy leaves loader criteria out of a refresh: a row that has left the scope would be read again
        statement = statement.where(criteria.guard(state.bind_mapper))
    state.statement = statement


def _among(option: Any, options: Iterable[Any]) -> bool:
    return any(option is other for other in options)
