"""The unit of work under row scope: each row is checked where it lay before, and where it comes to lie.

Old rows are asked for just before they are written, new ones just after, on the same connection, by primary key. A row
that points to a subject must point into scope already: otherwise a new pointer could itself bring a foreign subject
into scope.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, event, inspect, or_, select
from sqlalchemy.orm import Mapper, UOWTransaction, object_session
from sqlalchemy.orm import Session as OrmSession

from core.db import locking
from core.db.scope import Criteria, Guard, ScopeError, is_scoped

if TYPE_CHECKING:
    from core.db.session import CrmSession

Key = tuple[Any, ...]
BATCH = 400


class Flush:
    """What one flush has checked and written so far."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._tables: set[str] = set()
        self.old: dict[Mapper[Any], set[Key]] = defaultdict(set)
        self.written: dict[Mapper[Any], list[Any]] = defaultdict(list)
        self.inserted: dict[Mapper[Any], list[Any]] = defaultdict(list)
        self.targets: set[tuple[str, Any]] = set()
        self.images: list[locking.Image] = []

    def tables(self) -> frozenset[str]:
        """Tables whose rows are being written right now, each row checked."""
        return frozenset(self._tables)

    def writes(self, mapper: Mapper[Any]) -> None:
        """Rows of this mapper are about to be written."""
        self._tables.add(str(mapper.local_table.description).lower())

    @contextmanager
    def running(self) -> Iterator[None]:
        """For the time of one flush."""
        self._reset()
        try:
            yield
        finally:
            self._reset()


def listen(session_class: type[CrmSession]) -> None:
    """Check the flushes of sessions of this class."""
    event.listen(session_class, "before_flush", _before_flush)
    event.listen(session_class, "after_flush", _after_flush)
    event.listen(session_class, "after_transaction_end", _after_transaction_end)
    for name, check in (("insert", _before_insert), ("update", _before_update), ("delete", _before_delete)):
        event.listen(Mapper, f"before_{name}", check)


def _after_transaction_end(session: CrmSession, transaction: Any) -> None:
    if transaction.parent is None:
        session.ended()


# -- the events --------------------------------------------------------------------------------------------------------


def _before_flush(session: CrmSession, context: UOWTransaction, instances: Any) -> None:
    session.checks.images = locking.images(session)
    if session.unscoped is not None:
        return
    touched: dict[Mapper[Any], set[Key]] = defaultdict(set)
    for obj in (*session.dirty, *session.deleted):
        state = inspect(obj)
        if is_scoped(state.mapper) and state.identity and (state.deleted or session.is_modified(obj)):
            touched[state.mapper.base_mapper].add(state.identity)
    for mapper, keys in touched.items():
        connection = OrmSession.connection(session, bind_arguments={"mapper": mapper})
        session.checks.old[mapper] |= _in_scope(connection, session.criteria, mapper, keys)


def _before_insert(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    session = _writing(mapper, target)
    if session is not None:
        session.checks.inserted[mapper.base_mapper].append(target)
        _check_pointers(session, connection, mapper, target, only_changed=False)
        session.checks.written[mapper.base_mapper].append(target)


def _before_update(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    current: Any = object_session(target)
    if current is not None and not current.is_modified(target, include_collections=False):
        return
    session = _writing(mapper, target)
    if session is not None:
        _check_old(session, connection, mapper, target)
        _check_pointers(session, connection, mapper, target, only_changed=True)
        session.checks.written[mapper.base_mapper].append(target)


def _before_delete(mapper: Mapper[Any], connection: Connection, target: Any) -> None:
    session = _writing(mapper, target)
    if session is not None:
        _check_old(session, connection, mapper, target)


def _after_flush(session: CrmSession, context: UOWTransaction) -> None:
    for mapper, objects in session.checks.written.items():
        keys = {tuple(mapper.primary_key_from_instance(o)) for o in objects}
        connection = OrmSession.connection(session, bind_arguments={"mapper": mapper})
        if keys - _in_scope(connection, session.criteria, mapper, keys):
            raise ScopeError(f"{mapper.class_.__name__}: the row would lie outside the scope of {_who(session)}")


# -- the checks --------------------------------------------------------------------------------------------------------


def _writing(mapper: Mapper[Any], target: Any) -> CrmSession | None:
    """The session that writes ``target``, when the row has to be checked."""
    session: Any = object_session(target)
    if not hasattr(session, "must_write"):
        return None
    session.must_write()
    if session.unscoped is not None or not is_scoped(mapper):
        return None
    session.checks.writes(mapper)
    return session  # type: ignore[no-any-return]


def _check_old(session: CrmSession, connection: Connection, mapper: Mapper[Any], target: Any) -> None:
    base = mapper.base_mapper
    identity = inspect(target).identity
    known = session.checks.old[base]
    if identity not in known and not _in_scope(connection, session.criteria, base, {identity}):
        raise ScopeError(f"{mapper.class_.__name__}: the row lies outside the scope of {_who(session)}")


def _check_pointers(
    session: CrmSession, connection: Connection, mapper: Mapper[Any], target: Any, only_changed: bool
) -> None:
    criteria = session.criteria
    for subject, column in criteria.subjects(mapper).items():
        provider = criteria.providers.get(subject)
        if provider is None:
            raise ScopeError(f"{subject} has no scope provider, so no row of {mapper.class_.__name__} is in scope")
        owner = inspect(provider.model).base_mapper
        if owner is mapper.base_mapper and column == provider.key:
            continue
        attribute = mapper.get_property_by_column(mapper.local_table.c[column]).key
        if only_changed and not inspect(target).attrs[attribute].history.has_changes():
            continue
        value = getattr(target, attribute)
        key = owner.get_property_by_column(owner.local_table.c[provider.key]).key
        fresh = any(getattr(o, key) == value for o in session.checks.inserted.get(owner, ()))
        if not fresh and not _points_into_scope(session, connection, subject, value):
            raise ScopeError(f"{mapper.class_.__name__}.{attribute} points outside the scope of {_who(session)}")


def _points_into_scope(session: CrmSession, connection: Connection, subject: str, value: Any) -> bool:
    if (subject, value) not in session.checks.targets:
        rows, key, criterion = session.criteria.subject_rows(subject)
        found = connection.execute(select(key).select_from(rows).where(key == value, Guard(criterion, key))).first()
        if found is None:
            return False
        session.checks.targets.add((subject, value))
    return True


def _in_scope(connection: Connection, criteria: Criteria, mapper: Mapper[Any], keys: Iterable[Key]) -> set[Key]:
    """Those of the primary keys whose rows are in scope."""
    guard = criteria.guard(mapper)
    left = iter(keys)
    found: set[Key] = set()
    while batch := list(islice(left, BATCH)):
        rows = connection.execute(select(*mapper.primary_key).where(_key_in(mapper, batch), guard))
        found |= {tuple(row) for row in rows}
    return found


def _key_in(mapper: Mapper[Any], keys: list[Key]) -> ColumnElement[bool]:
    columns = mapper.primary_key
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return or_(*(and_(*(c == v for c, v in zip(columns, key, strict=True))) for key in keys))


def _who(session: CrmSession) -> str:
    access = session.access
    return f"user {access.user_id} for {access.action}" if access is not None else "this session"
