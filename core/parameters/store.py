"""Reading and storing parameter values. Reads go through a cache that one epoch row keeps honest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from core.contract.types import Parameter
from core.db.sqlite import reading
from core.db.types import now
from core.parameters.models import ParameterEpoch, StoredParameter
from core.parameters.values import check, parse, to_text

EPOCH_ROW = 1


@dataclass(frozen=True, slots=True)
class Override:
    """One stored value and the moment it comes into force."""

    value: str
    valid_from: datetime


Overrides = dict[str, tuple[Override, ...]]


class Store:
    """The stored values of one database, cached in this process."""

    def __init__(self, engine: Callable[[], Engine], clock: Callable[[], datetime] = now) -> None:
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        self._cached: tuple[int, Overrides] | None = None

    def value(self, parameter: Parameter, epoch: int | None = None) -> Any:
        """The value in force now: the latest override whose time has come, else the default.

        An override that the declaration no longer allows (a plugin tightened its bounds) gives the default.
        """
        moment = self._clock()
        due = [o for o in self._overrides(epoch).get(parameter.name, ()) if o.valid_from <= moment]
        if not due:
            return parameter.default
        try:
            return parse(parameter, due[-1].value)
        except ValueError:
            return parameter.default

    def epoch(self) -> int:
        """Number of the last change; 0 before the first, and while the tables do not exist."""
        with reading(), self._engine().connect() as connection:
            return _epoch(connection)

    def _overrides(self, epoch: int | None) -> Overrides:
        current = self.epoch() if epoch is None else epoch
        with self._lock:
            if self._cached is not None and self._cached[0] == current:
                return self._cached[1]
        with reading(), self._engine().connect() as connection:
            # The epoch is read again before the values, so a change in between makes them newer, never older.
            fresh = _epoch(connection)
            overrides = _read(connection)
        with self._lock:
            self._cached = (fresh, overrides)
        return overrides


_EPOCH = select(ParameterEpoch.epoch).where(ParameterEpoch.id == EPOCH_ROW)  # built once: every request asks it


def _epoch(connection: Connection) -> int:
    try:
        found = connection.execute(_EPOCH).scalar()
    except (OperationalError, ProgrammingError):
        return 0  # before the first migration the defaults must answer: `crm migrate` itself starts an app
    return int(found or 0)


def _read(connection: Connection) -> Overrides:
    table = StoredParameter.__table__
    query = select(table.c.name, table.c.value, table.c.valid_from).order_by(table.c.valid_from, table.c.id)
    overrides: Overrides = {}
    try:
        rows = connection.execute(query).all()
    except (OperationalError, ProgrammingError):
        return overrides
    for name, value, valid_from in rows:
        overrides[name] = (*overrides.get(name, ()), Override(value, valid_from))
    return overrides


def save(
    session: Session, parameter: Parameter, value: Any, by: str, reason: str, valid_from: datetime
) -> StoredParameter:
    """Store a checked value and raise the epoch, in the caller's transaction.

    Raises:
        InvalidValue: the value does not fit the declaration.
    """
    read = parse if isinstance(value, str) and parameter.type != "text" else check
    checked = read(parameter, value)
    row = StoredParameter(name=parameter.name, value=to_text(checked), valid_from=valid_from, set_by=by, reason=reason)
    session.add(row)
    raised = session.execute(
        update(ParameterEpoch).where(ParameterEpoch.id == EPOCH_ROW).values(epoch=ParameterEpoch.epoch + 1)
    )
    if raised.rowcount == 0:  # type: ignore[attr-defined]
        session.add(ParameterEpoch(id=EPOCH_ROW, epoch=1))
    session.flush()
    return row


def history(session: Session, name: str) -> list[StoredParameter]:
    """Every value ever stored for ``name``, newest first."""
    query = select(StoredParameter).where(StoredParameter.name == name)
    return list(session.scalars(query.order_by(StoredParameter.valid_from.desc(), StoredParameter.id.desc())))
