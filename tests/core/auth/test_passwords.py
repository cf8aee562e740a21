"""What makes a password good enough, and changing one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core import parameters
from core.auth import passwords, users
from core.auth.models import UserSession
from core.auth.passwords import Hasher
from core.auth.state import short_read, short_write, state

PASSWORD = "Bridge-2026x"
NEW = "Harbour-77-light"


def flaws(password: str, username: str = "rm01", min_length: int = 8, classes: int = 3) -> set[str]:
    return {w.flaw for w in passwords.weaknesses(username, password, min_length=min_length, classes=classes)}


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("Ab1-xyz", {"short"}),
        ("Harbour-7", set()),
        ("harbour77light", {"classes"}),
        ("江畔杨柳Ab12", set()),
        ("Xrm01-yz9", {"username"}),
        ("X10MR-yz9", {"username"}),
        ("Password123!", {"common"}),
        ("1qaz2WSX", {"common"}),
        ("Woaini1314!", {"common"}),
        ("aaaaaaaA", {"classes", "common"}),
        ("--------", {"classes", "common"}),
        ("A1-" + "x" * 130, {"long"}),
    ],
)
def test_policy(password: str, expected: set[str]) -> None:
    assert flaws(password) == expected


def test_classes() -> None:
    assert [passwords.character_classes(p) for p in ("", "a", "aA", "aA1", "aA1-", "汉字")] == [0, 1, 2, 3, 4, 1]


@given(st.integers(12, 40))
def test_made_up_passwords_pass_the_strictest_policy(length: int) -> None:
    made = passwords.generate(length)
    assert len(made) == length
    assert flaws(made, "somebody", min_length=12, classes=4) == set()
    assert made[0].isalpha()


@given(st.text(min_size=1, max_size=40))
def test_hash_recognises_its_password_only(password: str) -> None:
    hasher = Hasher(cheap=True)
    stored = hasher.hash(password)
    assert stored.startswith("$argon2id$")
    assert hasher.verify(stored, password)
    assert not hasher.verify(stored, password + "x")


def test_hash_does_not_care_how_a_character_was_typed() -> None:
    hasher = Hasher(cheap=True)
    assert hasher.verify(hasher.hash("Café-１２"), "Cafe\u0301-12")


def test_broken_hash_is_no_password() -> None:
    assert not Hasher(cheap=True).verify("not a hash", "x")


def test_real_costs_are_owasp_or_more() -> None:
    stored = Hasher().hash("x")
    found = re.search(r"m=(\d+),t=(\d+)", stored)
    assert found
    assert int(found[1]) >= 19456
    assert int(found[2]) >= 2


# -- users -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "  ", "a b", "x" * 65, "a\tb"])
def test_user_names_that_cannot_be(app: Flask, name: str) -> None:
    with app.app_context(), short_write() as session, pytest.raises(users.UserError, match="cannot be a user name"):
        users.create(session, name, PASSWORD, hasher=state().hasher, at=state().clock())


def test_user_names_are_taken_in_every_spelling(app: Flask) -> None:
    with app.app_context(), short_write() as session, pytest.raises(users.UserError, match="exists"):
        users.create(session, " ANNA", PASSWORD, hasher=state().hasher, at=state().clock())


def test_disabling_needs_a_reason(app: Flask) -> None:
    with app.app_context(), short_write() as session, pytest.raises(users.UserError, match="reason"):
        users.disable(session, "anna", at=state().clock(), by="test", reason=" ")


# -- the page ----------------------------------------------------------------------------------------------------------


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/password").text)
    assert found
    return found[1]


def change(client: FlaskClient, current: str, new: str, again: str | None = None) -> Any:
    sent = {"current": current, "new": new, "again": new if again is None else again, "csrf_token": token(client)}
    return client.post("/password", data=sent)


def test_change(app: Flask, enter: Any) -> None:
    client = enter()
    before = client.get_cookie("crm_sid").value
    assert change(client, PASSWORD, NEW).status_code == 303
    assert client.get_cookie("crm_sid").value != before
    assert client.get("/inside").status_code == 200
    with app.app_context(), short_read() as session:
        assert state().hasher.verify(users.need(session, "anna").password_hash, NEW)
        assert list(session.scalars(select(UserSession.ended_why).order_by(UserSession.id))) == ["password", None]


@pytest.mark.parametrize(
    ("current", "new", "again"),
    [
        ("Wrong-pass1", NEW, None),
        (PASSWORD, NEW, NEW + "x"),
        (PASSWORD, PASSWORD, None),
        (PASSWORD, "short", None),
        (PASSWORD, "anna-Harbour7", None),
        (PASSWORD, "Password123!", None),
        (PASSWORD, "", None),
    ],
)
def test_change_refused(app: Flask, enter: Any, current: str, new: str, again: str | None) -> None:
    client = enter()
    answer = change(client, current, new, again)
    assert answer.status_code == 422
    assert "field-error" in answer.text
    with app.app_context(), short_read() as session:
        assert state().hasher.verify(users.need(session, "anna").password_hash, PASSWORD)


def test_guessing_the_current_password_is_limited(app: Flask, enter: Any) -> None:
    client = enter()
    for _ in range(5):
        assert change(client, "Wrong-pass1", NEW).status_code == 422
    assert change(client, PASSWORD, NEW).status_code == 429


def test_first_sign_in_leads_to_a_new_password(app: Flask, enter: Any) -> None:
    with app.app_context(), short_write() as session:
        users.need(session, "anna").must_change_password = True
    client = enter()
    assert client.get("/inside").headers["Location"] == "/password"
    assert client.get("/inside", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/password"
    assert change(client, PASSWORD, NEW).status_code == 303
    assert client.get("/inside").status_code == 200


def test_directory_users_change_it_there(app: Flask, enter: Any) -> None:
    client = enter()
    with app.app_context(), short_write() as session:
        users.need(session, "anna").password_hash = None
    assert 'name="current"' not in client.get("/password").text


def test_policy_follows_the_parameters(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.password_min_length", 20, "test")
    with app.app_context(), pytest.raises(users.WeakPassword, match="short"):
        users.check_policy("anna", NEW)
