"""What auth keeps in the app: clock, password hasher, key of the counters. And its own short units of work."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy.orm import Session

from core.auth.passwords import Hasher
from core.db.session import new_session, unit
from core.db.types import now

COOKIE = "crm_sid"
"""Name of the cookie that holds the session's token."""


@dataclass(slots=True)
class State:
    """One app's auth. Tests replace ``clock`` to let time pass."""

    hasher: Hasher
    secret: bytes
    secure_cookie: bool
    clock: Callable[[], datetime] = now


def state() -> State:
    """Auth of the current app."""
    found: State = current_app.extensions["crm.auth"]
    return found


def moment() -> datetime:
    """Now, by auth's clock."""
    return state().clock()


def fingerprint(kind: str, value: str) -> str:
    """A keyed hash, to recognise a value again without keeping it."""
    return hmac.new(state().secret, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def short_write() -> Iterator[Session]:
    """A small transaction of its own, committed at the end, also in the middle of a request that only reads."""
    with unit(new_session(mode="write")) as session:
        yield session


@contextmanager
def short_read() -> Iterator[Session]:
    """A look at the database apart from the request's session, so that it leaves no transaction open there."""
    with unit(new_session(mode="read")) as session:
        yield session
