"""Typed settings that bank IT changes without a programmer.

First slice: declared, bounded, dated values with history, read through a cache. Changing by two persons, values per
organisation, differences and roll-back are not here yet.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, current_app, g, has_app_context, has_request_context
from sqlalchemy.orm import Session

from core.contract.types import Parameter
from core.db.types import now
from core.monitoring import audit
from core.parameters.store import Store, history, save
from core.parameters.values import InvalidValue, UnknownParameter, check

__all__ = [
    "InvalidValue",
    "UnknownParameter",
    "core_parameters",
    "declare",
    "declared",
    "get",
    "history",
    "init_app",
    "set",
]

_core: dict[str, Parameter] = {}


def init_app(app: Flask) -> None:
    """Give the app its store of values."""
    from core.extensions import db

    app.extensions["crm.parameters"] = Store(lambda: db.engine)


def declare(*parameters: Parameter) -> None:
    """Declare parameters of the core itself, at import; plugins do it with ``crm_parameters``.

    Raises:
        InvalidValue: a default breaks its own declaration.
    """
    for parameter in parameters:
        check(parameter, parameter.default)
        _core[parameter.name] = parameter


def core_parameters() -> tuple[Parameter, ...]:
    """The parameters of the core itself, in the order they were declared."""
    return tuple(_core.values())


def declared() -> dict[str, Parameter]:
    """Every parameter of the core and of the plugins that are on, by name."""
    found = dict(_core)
    crm = current_app.extensions.get("crm") if has_app_context() else None
    if crm is not None:
        found.update((parameter.name, parameter) for _, parameter in crm.registry.of("crm_parameters"))
    return found


def get(name: str) -> Any:
    """The value in force, typed as declared. Within one request all reads see one state.

    Raises:
        UnknownParameter: nobody that is on declares it.
    """
    parameter = _core.get(name) or declared().get(name)
    if parameter is None:
        raise UnknownParameter(name)
    if not has_app_context() or "crm.parameters" not in current_app.extensions:
        return parameter.default
    store: Store = current_app.extensions["crm.parameters"]
    return store.value(parameter, _request_epoch(store))


def set(
    session: Session, name: str, value: Any, by: str, reason: str = "", *, valid_from: datetime | None = None
) -> None:
    """Store a value from ``valid_from`` (now) on, audited, in the caller's transaction.

    Args:
        value: of the declared type, or its text form.
        by: user name of who sets it.

    Raises:
        UnknownParameter: nobody that is on declares it.
        InvalidValue: wrong type or out of bounds; the message says what would fit.
    """
    parameter = declared().get(name)
    if parameter is None:
        raise UnknownParameter(name)
    row = save(session, parameter, value, by, reason, valid_from or now())
    detail = {"value": row.value, "valid_from": row.valid_from.isoformat(), "by": by}
    audit.record(session, "parameters.set", subject="core.parameter", key=name, detail=detail, reason=reason)


def _request_epoch(store: Store) -> int | None:
    if not has_request_context():
        return None
    if "crm_parameter_epoch" not in g:
        g.crm_parameter_epoch = store.epoch()
    return int(g.crm_parameter_epoch)
