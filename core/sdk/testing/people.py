"""Signed-in users for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient
    from sqlalchemy.orm import Session

    from core.auth.models import User


def token_of(app: Flask, username: str, actions: Iterable[str], scope: str, org_id: int | None) -> str:
    """Sign the user in, made when there is none, holding also these actions with that scope; the session's token.

    Past the sign-in page: no password, no rate limit, no argon2.
    """
    from core.auth import sessions, settings
    from core.auth.state import moment
    from core.db.session import system_session

    with app.app_context(), system_session("test: sign in") as session:
        user = _user(session, username)
        wanted = sorted(set(actions))
        if wanted:
            _grant(session, app, user, wanted, scope, org_id)
        idle = settings.idle()
        started = sessions.start(session, user.id, at=moment(), idle=idle, address="127.0.0.1", agent="test")
        session.commit()
    return started.token


def _user(session: Session, username: str) -> User:
    from core.auth.models import User
    from core.auth.users import by_username, normal

    user = by_username(session, username)
    if user is None:
        user = User(username=normal(username), password_hash=None)
        session.add(user)
        session.flush()
    return user


def _grant(session: Session, app: Flask, user: User, actions: list[str], scope: str, org_id: int | None) -> None:
    """Through roles of the right kind: who administers may hold nothing that shows business data."""
    from core.permissions.roles import GrantSpec, assign, ensure_role

    name = f"test.{user.username}"
    ensure_role(session, name, "Role of a test", grants=[GrantSpec(action, scope) for action in actions])
    assign(session, user.id, name, org_id=org_id)


def client_with(app: Flask, token: str) -> FlaskClient:
    """A test client that carries the session."""
    from core.auth.state import COOKIE

    client = app.test_client()
    client.set_cookie(COOKIE, token)
    return client
