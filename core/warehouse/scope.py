"""The row scope of a question: put in by every query, from the live database, so that a handover holds at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from core.contract import Dataset
from core.contract.protocols import runtime
from core.warehouse.questions import Question, listing, place_of


def restrict(asked: Dataset, question: Question, where: Mapping[str, Any], session: Session) -> bool:
    """Narrow the question to what the session may see. False when that is nothing."""
    providers = {p.subject: p for _, p in runtime().registry.of("crm_scope_providers")}
    for subject, dimension in sorted(asked.scope.items()):
        provider = providers.get(subject)
        if provider is None:
            return False
        place = place_of(asked, question.feed, dimension)
        given = listing(where[dimension]) if dimension in where else None
        model = _key_model(subject)
        if model is None:
            keys = _own_keys(session, provider.model, provider.key, given)
            question.add(place, "keys", given=keys)
        else:
            pairs = _source_keys(session, model, subject, given)
            keys = [key for _, key in pairs]
            question.add(place, "source_keys", given=keys, sources=[source for source, _ in pairs])
            question.only({source for source, _ in pairs})
        if not keys:
            return False
    return True


def _key_model(subject: str) -> Any:
    """The model that says how sources write the subject's key; None when facts hold the key itself."""
    for _, model in runtime().registry.of("crm_models"):
        if getattr(model, "__warehouse_key__", None) and subject in getattr(model, "__scope__", {}):
            return model
    return None


# The session itself puts the scope on these two, as on every scoped model, and refuses when it has no access.


def _own_keys(session: Session, model: Any, key: str, given: list[Any] | None) -> list[str]:
    column = inspect(model).attrs[key].class_attribute
    statement = select(column)
    if given is not None:
        statement = statement.where(column.in_(given))
    return [str(value) for value in session.scalars(statement)]


def _source_keys(session: Session, model: Any, subject: str, given: list[Any] | None) -> list[tuple[str, str]]:
    source, number = (getattr(model, name) for name in model.__warehouse_key__)
    statement = select(source, number)
    if given is not None:
        statement = statement.where(getattr(model, model.__scope__[subject]).in_(given))
    return [(str(s), str(n)) for s, n in session.execute(statement)]
