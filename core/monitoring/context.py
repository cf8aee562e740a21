"""Who and what the code at hand works for: request number, user, address. Set by the web and job layers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """The request or job in progress. All None outside both."""

    request_id: str | None = None
    user_id: int | None = None
    address: str | None = None


NOBODY = Actor()

_actor: ContextVar[Actor] = ContextVar("crm_actor", default=NOBODY)


def actor() -> Actor:
    """The actor in force."""
    return _actor.get()


def begin(actor: Actor) -> None:
    """Replace the actor; called at the start of each request, so nothing of the request before is left."""
    _actor.set(actor)


def identify(user_id: int | None) -> None:
    """Name the user once sign-in has recognised them."""
    _actor.set(replace(_actor.get(), user_id=user_id))


@contextmanager
def acting_as(**values: Any) -> Iterator[Actor]:
    """Change the actor for a while: ``with acting_as(user_id=7): …`` in jobs and commands."""
    token = _actor.set(replace(_actor.get(), **values))
    try:
        yield _actor.get()
    finally:
        _actor.reset(token)
