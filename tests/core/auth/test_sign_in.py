"""The sign-in page: who gets in, what the others learn, and how often they may try."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from core import parameters
from core.auth import drafts, signin, users
from core.auth.models import Draft, SignInCounter, User, UserSession
from core.auth.passwords import Hasher
from core.auth.state import short_read, short_write, state
from core.contract.types import Identity
from core.monitoring.models import AuditEntry

PASSWORD = "Bridge-2026x"


def token_of(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/sign-in").text)
    assert found
    return found[1]


def attempt(client: FlaskClient, username: str, password: str, query: str = "") -> Any:
    sent = {"username": username, "password": password, "csrf_token": token_of(client)}
    return client.post(f"/sign-in{query}", data=sent)


def problem(answer: Any) -> str:
    """The page without what differs by itself: the csrf token and the user name typed."""
    text = re.sub(r'(value|content)="[^"]*"', "", answer.text)
    return f"{answer.status_code} {text}"


def test_right_password_enters(app: Flask) -> None:
    client = app.test_client()
    answer = attempt(client, " Anna ", PASSWORD)
    assert answer.status_code == 303
    assert client.get("/inside").text == "hello anna"


def test_cookie_is_closed_to_scripts_and_other_sites(app: Flask) -> None:
    cookie = attempt(app.test_client(), "anna", PASSWORD).headers.getlist("Set-Cookie")
    own = next(c for c in cookie if c.startswith("crm_sid="))
    assert "HttpOnly" in own
    assert "SameSite=Lax" in own
    assert "Secure" not in own


def test_cookie_is_secure_behind_https(app: Flask) -> None:
    state_of = app.extensions["crm.auth"]
    state_of.secure_cookie = True
    cookies = attempt(app.test_client(), "anna", PASSWORD).headers.getlist("Set-Cookie")
    assert "Secure" in next(c for c in cookies if c.startswith("crm_sid="))


def test_table_does_not_hold_the_token(app: Flask) -> None:
    client = app.test_client()
    attempt(client, "anna", PASSWORD)
    token = client.get_cookie("crm_sid")
    assert token is not None
    with app.app_context(), short_read() as session:
        assert session.scalars(select(UserSession.token_hash)).one() != token.value


def test_every_kind_of_wrong_gets_the_same_answer(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        users.disable(session, "boris", at=state().clock(), by="test", reason="left")
    wrong_password = problem(attempt(app.test_client(), "anna", "Wrong-pass1"))
    assert wrong_password.startswith("422")
    assert problem(attempt(app.test_client(), "nobody", "Wrong-pass1")) == wrong_password
    assert problem(attempt(app.test_client(), "boris", PASSWORD)) == wrong_password


@pytest.mark.parametrize("username", ["anna", "nobody", "boris"])
def test_every_attempt_costs_one_hash(app: Flask, monkeypatch: pytest.MonkeyPatch, username: str) -> None:
    with app.app_context(), short_write() as session:
        users.disable(session, "boris", at=state().clock(), by="test", reason="left")
    checked: list[bool] = []
    verify = Hasher.verify

    def counted(self: Hasher, stored: str | None, password: str) -> bool:
        argon = self._argon.verify
        assert argon is not None
        checked.append(stored is not None)
        return verify(self, stored, password)

    monkeypatch.setattr(Hasher, "verify", counted)
    attempt(app.test_client(), username, "Wrong-pass1")
    assert checked == [username != "nobody"]


def test_unknown_user_is_checked_against_a_dummy(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = Hasher(cheap=True)
    tried: list[str] = []

    class Spy:
        def verify(self, stored: str, password: str) -> bool:
            tried.append(stored)
            return True

    monkeypatch.setattr(hasher, "_argon", Spy())
    assert hasher.verify(None, "anything") is False
    assert tried == [hasher._dummy]


def test_user_without_password_cannot_enter_with_any(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        users.create(session, "ldap1", None, hasher=state().hasher, at=state().clock())
    assert attempt(app.test_client(), "ldap1", "").status_code == 422
    assert attempt(app.test_client(), "ldap1", "Whatever-1").status_code == 422


def test_empty_form_is_refused_without_counting(app: Flask) -> None:
    assert attempt(app.test_client(), "", "").status_code == 422
    with app.app_context(), short_read() as session:
        assert session.scalar(select(func.count(SignInCounter.key))) == 0


def test_csrf_is_needed(app: Flask) -> None:
    client = app.test_client()
    client.get("/sign-in")
    assert client.post("/sign-in", data={"username": "anna", "password": PASSWORD}).status_code == 400


# -- lock-out ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("username", ["anna", "nobody"])
def test_five_failures_lock_for_fifteen_minutes(app: Flask, clock: Any, username: str) -> None:
    client = app.test_client()
    for _ in range(5):
        assert attempt(client, username, "Wrong-pass1").status_code == 422
    locked = attempt(client, username, PASSWORD)
    assert locked.status_code == 429
    assert int(locked.headers["Retry-After"]) == 15 * 60
    clock.forward(minutes=14, seconds=59)
    assert attempt(client, username, PASSWORD).status_code == 429
    clock.forward(seconds=2)
    assert attempt(client, username, PASSWORD).status_code == (303 if username == "anna" else 422)


def test_lock_is_of_the_account_not_of_the_spelling(app: Flask) -> None:
    for name in ("anna", "ANNA", " anna", "Anna ", "aNNa"):
        attempt(app.test_client(), name, "Wrong-pass1")
    assert attempt(app.test_client(), "anna", PASSWORD).status_code == 429
    assert attempt(app.test_client(), "boris", PASSWORD).status_code == 303


def test_success_clears_the_count(app: Flask) -> None:
    for _ in range(3):
        for _ in range(4):
            attempt(app.test_client(), "anna", "Wrong-pass1")
        assert attempt(app.test_client(), "anna", PASSWORD).status_code == 303


def test_failures_age_out(app: Flask, clock: Any) -> None:
    for _ in range(4):
        attempt(app.test_client(), "anna", "Wrong-pass1")
    clock.forward(minutes=16)
    for _ in range(4):
        assert attempt(app.test_client(), "anna", "Wrong-pass1").status_code == 422
    assert attempt(app.test_client(), "anna", PASSWORD).status_code == 303


def test_address_is_limited_over_many_names(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.address_failures", 10, "test")
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "10.9.9.9"
    for number in range(10):
        assert attempt(client, f"name{number}", "Wrong-pass1").status_code == 422
    assert attempt(client, "anna", PASSWORD).status_code == 429
    assert attempt(app.test_client(), "anna", PASSWORD).status_code == 303


def at(app: Flask, address: str) -> FlaskClient:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client


def test_a_stranger_elsewhere_shuts_nobody_out(app: Flask) -> None:
    stranger = at(app, "10.9.9.9")
    answers = [attempt(stranger, "anna", "Wrong-pass1").status_code for _ in range(40)]
    assert answers == [422] * 5 + [429] * 35
    assert attempt(at(app, "10.0.0.1"), "anna", PASSWORD).status_code == 303
    assert attempt(stranger, "anna", PASSWORD).status_code == 429, "their own address stays locked"


@pytest.mark.parametrize("username", ["anna", "nobody"])
def test_a_guess_spread_over_addresses_locks_the_account_for_all(app: Flask, clock: Any, username: str) -> None:
    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.account_failures", 15, "test")
    for number in range(3):
        for _ in range(5):
            assert attempt(at(app, f"10.9.9.{number}"), username, "Wrong-pass1").status_code == 422
    locked = attempt(at(app, "10.0.0.1"), username, PASSWORD)
    assert locked.status_code == 429
    by_pair = problem(attempt(at(app, "10.9.9.0"), username, PASSWORD))
    assert problem(locked) == by_pair, "the answer does not say which of the two it was"
    clock.forward(minutes=15, seconds=1)
    assert attempt(at(app, "10.0.0.1"), username, PASSWORD).status_code == (303 if username == "anna" else 422)


def test_a_success_elsewhere_takes_back_no_failures_of_others(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.account_failures", 15, "test")
    for number in range(2):
        for _ in range(5):
            attempt(at(app, f"10.9.9.{number}"), "anna", "Wrong-pass1")
    assert attempt(at(app, "10.0.0.1"), "anna", PASSWORD).status_code == 303
    for _ in range(5):
        attempt(at(app, "10.9.9.7"), "anna", "Wrong-pass1")
    assert attempt(at(app, "10.0.0.1"), "anna", PASSWORD).status_code == 429


def test_a_network_of_addresses_counts_as_one(app: Flask) -> None:
    for number in range(5):
        attempt(at(app, f"2001:db8:1:2::{number}"), "anna", "Wrong-pass1")
    assert attempt(at(app, "2001:db8:1:2:ffff::1"), "anna", PASSWORD).status_code == 429
    assert attempt(at(app, "2001:db8:1:3::1"), "anna", PASSWORD).status_code == 303
    with app.app_context():
        assert signin._keys("x", "::ffff:10.0.0.1") == signin._keys("x", "10.0.0.1")


def test_a_locked_address_counts_against_nobody(app: Flask) -> None:
    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.address_failures", 10, "test")
        parameters.set(session, "auth.account_failures", 15, "test")
    for number in range(6):
        stranger = at(app, f"10.9.9.{number}")
        for name in range(10):
            attempt(stranger, f"name{number}-{name}", "Wrong-pass1")
        with app.app_context(), short_read() as session:
            rows = session.execute(select(SignInCounter.key, SignInCounter.failures).order_by(SignInCounter.key)).all()
        for _ in range(5):
            assert attempt(stranger, "anna", "Wrong-pass1").status_code == 429
        with app.app_context(), short_read() as session:
            after = select(SignInCounter.key, SignInCounter.failures).order_by(SignInCounter.key)
            assert session.execute(after).all() == rows, "a refused try adds nothing"
    assert attempt(at(app, "10.0.0.1"), "anna", PASSWORD).status_code == 303


@pytest.mark.parametrize("value", [14, 201])
def test_the_ceiling_is_bounded(app: Flask, value: int) -> None:
    with app.app_context(), short_write() as session, pytest.raises(ValueError, match="account_failures"):
        parameters.set(session, "auth.account_failures", value, "test")


def test_counters_keep_no_names(app: Flask) -> None:
    attempt(app.test_client(), "my-secret-password", "Wrong-pass1")
    with app.app_context(), short_read() as session:
        assert not any("secret" in key for key in session.scalars(select(SignInCounter.key)))


@pytest.mark.database("empty")
def test_parallel_guesses_do_not_slip_through(both_app: Flask) -> None:
    def guess(number: int) -> object:
        with both_app.test_request_context(environ_base={"REMOTE_ADDR": "10.0.0.2"}):
            return signin.sign_in("anna", f"Wrong-{number}", address="10.0.0.2", agent="test")

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(12)))
    assert sum(outcome == signin.Refused(0) for outcome in outcomes) == 5


@pytest.mark.database("empty")
def test_two_sign_ins_at_once_leave_one_session(both_app: Flask) -> None:
    def go(_number: int) -> object:
        with both_app.test_request_context():
            return signin.sign_in("anna", PASSWORD, address="10.0.0.2", agent="test")

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(go, range(4)))
    assert all(isinstance(outcome, signin.Accepted) for outcome in outcomes)
    with both_app.app_context(), short_read() as session:
        open_ones = session.scalar(select(func.count(UserSession.id)).where(UserSession.ended_at.is_(None)))
    assert open_ones == 1


# -- where one comes out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/inside?a=1", "/inside?a=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/ok\\..", "/"),
        ("javascript:alert(1)", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        ("/" + "x" * 600, "/"),
        ("", "/"),
    ],
)
def test_next_stays_on_this_site(app: Flask, target: str, expected: str) -> None:
    from urllib.parse import quote

    assert attempt(app.test_client(), "anna", PASSWORD, f"?next={quote(target)}").headers["Location"] == expected


def test_who_is_signed_in_needs_no_sign_in_page(app: Flask) -> None:
    client = app.test_client()
    attempt(client, "anna", PASSWORD)
    answer = client.get("/sign-in?next=/inside")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/inside")


# -- other directories -------------------------------------------------------------------------------------------------


def with_directory(app: Flask, monkeypatch: pytest.MonkeyPatch, answer: Identity | None) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def first(hook: str, **values: Any) -> Identity | None:
        assert hook == "crm_authenticate"
        asked.append(values)
        return answer

    monkeypatch.setattr(type(app.extensions["crm"].dispatch), "first", lambda self, hook, **kw: first(hook, **kw))
    return asked


def test_a_directory_may_recognise_a_user(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = with_directory(app, monkeypatch, Identity("Anna", "ldap"))
    client = app.test_client()
    assert attempt(client, "anna@bank", "directory password").status_code == 303
    assert asked == [{"username": "anna@bank", "password": "directory password"}]
    assert client.get("/inside").text == "hello anna"
    with app.app_context(), short_read() as session:
        assert session.scalars(select(UserSession.method)).one() == "ldap"


def test_a_directory_cannot_invent_or_revive_users(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with_directory(app, monkeypatch, Identity("stranger", "ldap"))
    assert attempt(app.test_client(), "stranger", "x").status_code == 422
    with app.app_context(), short_write() as session:
        users.disable(session, "anna", at=state().clock(), by="test", reason="left")
    with_directory(app, monkeypatch, Identity("anna", "ldap"))
    assert attempt(app.test_client(), "anna", "x").status_code == 422


def test_local_passwords_work_when_the_directory_says_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with_directory(app, monkeypatch, None)
    assert attempt(app.test_client(), "anna", PASSWORD).status_code == 303


# -- trace -------------------------------------------------------------------------------------------------------------


def test_success_and_failure_are_audited_without_what_was_typed(app: Flask) -> None:
    attempt(app.test_client(), "anna", "Wrong-pass1")
    attempt(app.test_client(), "nobody-here", "Wrong-pass1")
    attempt(app.test_client(), "anna", PASSWORD)
    with app.app_context(), short_read() as session:
        anna = session.scalars(select(User.id).where(User.username == "anna")).one()
        entries = session.execute(
            select(AuditEntry.action, AuditEntry.key)
            .where(AuditEntry.action.like("auth.sign%"))
            .order_by(AuditEntry.id)
        ).all()
        everything = [f"{e.detail} {e.key} {e.reason}" for e in session.scalars(select(AuditEntry))]
    assert [tuple(e) for e in entries] == [
        ("auth.sign_in_failed", str(anna)),
        ("auth.sign_in_failed", None),
        ("auth.signed_in", str(anna)),
    ]
    assert not any("Wrong" in text or "nobody" in text for text in everything)


def test_old_hash_is_renewed_at_sign_in(app: Flask) -> None:
    from argon2 import PasswordHasher

    other = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    with app.app_context(), short_write() as session:
        users.need(session, "anna").password_hash = other
    assert attempt(app.test_client(), "anna", PASSWORD).status_code == 303
    with app.app_context(), short_read() as session:
        stored = users.need(session, "anna").password_hash
        assert stored != other
        assert state().hasher.verify(stored, PASSWORD)


def test_expired_counters_and_drafts_are_taken_away(app: Flask, clock: Any) -> None:
    attempt(app.test_client(), "nobody", "Wrong-pass1")
    clock.forward(minutes=16)
    attempt(app.test_client(), "boris", "Wrong-pass1")
    with app.app_context(), short_write() as session:
        drafts.save(session, users.need(session, "boris").id, "/note", {"title": ["x"]}, clock() - timedelta(hours=25))
    attempt(app.test_client(), "anna", PASSWORD)
    with app.app_context(), short_read() as session:
        kept = list(session.scalars(select(SignInCounter.failures).where(SignInCounter.key.like("account:%"))))
        assert kept == [1]
        assert session.scalars(select(Draft)).all() == []
