from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from wtforms import PasswordField, StringField

from core.app import create_app
from core.auth import users
from core.auth.state import State, short_write
from core.db.base import metadata, tables_of
from core.extensions import db
from core.permissions import public, signed_in

PASSWORD = "Bridge-2026x"


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def build(url: str | None, instance: Path, clock: Clock) -> Flask:
    settings = {"instance": instance, "testing": True, "training": True}
    app = create_app({**settings, **({"database_url": url} if url else {})})
    auth: State = app.extensions["crm.auth"]
    auth.clock = clock
    _add_routes(app)
    with app.app_context():
        metadata.create_all(db.engine, tables=tables_of("core"))
        with short_write() as session:
            for name in ("anna", "boris"):
                users.create(session, name, PASSWORD, hasher=auth.hasher, at=clock(), must_change=False)
    return app


def _add_routes(app: Flask) -> None:
    from core.web import Form, render

    class NoteForm(Form):
        title = StringField()
        body = StringField()
        password = PasswordField()

    @app.get("/inside")
    @signed_in("a page of the tests")
    def inside() -> str:
        from flask_login import current_user

        return f"hello {current_user.username}"

    @app.get("/open")
    @public("a page of the tests")
    def open_page() -> str:
        return "open"

    @app.route("/note", methods=["GET", "POST"])
    @signed_in("a form of the tests")
    def note() -> object:
        form = NoteForm()
        if form.validate_on_submit():
            return f"saved {request.form['title']}"
        return str(form.title()) + str(form.body()) + str(form.password()) + str(form.csrf_token())

    @app.get("/undeclared")
    def undeclared() -> str:
        return "never"

    app.jinja_env.globals["render"] = render


@pytest.fixture
def app(tmp_path: Path, clock: Clock) -> Iterator[Flask]:
    app = build(None, tmp_path / "instance", clock)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def both_app(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Flask]:
    """The same app on SQLite, then on PostgreSQL; its tests carry ``@pytest.mark.database("empty")``."""
    app = build(database_url, tmp_path / "other", clock)
    yield app
    with app.app_context():
        db.engine.dispose()


def csrf(client: FlaskClient, url: str = "/sign-in") -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(url).text)
    assert found, "no csrf token in the page"
    return found[1]


Enter = Callable[..., FlaskClient]


@pytest.fixture
def enter(app: Flask) -> Enter:
    """Sign a user in through the page, in a browser of their own."""

    def sign_in(username: str = "anna", address: str = "10.0.0.1", browser: FlaskClient | None = None) -> FlaskClient:
        client = browser or app.test_client()
        client.environ_base["REMOTE_ADDR"] = address
        sent = {"username": username, "password": PASSWORD, "csrf_token": csrf(client)}
        answer = client.post("/sign-in", data=sent)
        assert answer.status_code == 303, answer.text
        return client

    return sign_in
