"""Half-filled forms: they survive a sign-in, of their own user only."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from core.auth import drafts, users
from core.auth.models import Draft
from core.auth.state import short_read, short_write, state
from core.extensions import db

PAGE = "http://localhost/note"
FORM = {"title": "拜访记录", "body": "谈了理财", "password": "hunter2-Secret"}


def token(client: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/note").text)
    assert found
    return found[1]


def kept(app: Flask) -> list[tuple[int, str]]:
    with app.app_context(), short_read() as session:
        return [(draft.user_id, draft.url) for draft in session.scalars(select(Draft))]


def lose(client: FlaskClient, clock: Any, **headers: str) -> Any:
    """Fill the form in, and send it after the session has ended."""
    known = token(client)
    clock.forward(minutes=20)
    return client.post("/note", data={**FORM, "csrf_token": known}, headers={"Referer": PAGE, **headers})


def test_form_survives_the_next_sign_in(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    answer = lose(client, clock)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in?next=/note")
    enter(browser=client)
    page = client.get("/note").text
    assert 'value="拜访记录"' in page
    assert 'value="谈了理财"' in page
    assert "hunter2" not in page
    with client.session_transaction() as cookie:
        assert cookie["_flashes"], "no notice"


def test_sent_again_it_is_forgotten(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    lose(client, clock)
    enter(browser=client)
    sent = {**FORM, "csrf_token": token(client)}
    assert client.post("/note", data=sent, headers={"Referer": PAGE}).text == "saved 拜访记录"
    assert kept(app) == []
    assert "拜访记录" not in client.get("/note").text


def test_form_survives_when_the_user_signed_in_in_another_window(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    old = token(client)
    clock.forward(minutes=20)
    enter(browser=client)
    answer = client.post("/note", data={**FORM, "csrf_token": old}, headers={"Referer": PAGE})
    assert answer.text == "saved 拜访记录"


def test_taken_over_form_is_kept(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    known = token(client)
    enter(address="10.0.0.2")
    client.post("/note", data={**FORM, "csrf_token": known}, headers={"Referer": PAGE})
    enter(browser=client)
    assert "拜访记录" in client.get("/note").text


def test_htmx_form_is_kept_under_the_page_in_view(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    answer = lose(client, clock, **{"HX-Request": "true", "HX-Current-URL": "http://localhost/note?id=7"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=/note%3Fid%3D7")
    assert [url for _, url in kept(app)] == ["/note?id=7"]
    enter(browser=client)
    assert "拜访记录" in client.get("/note?id=7").text
    assert "拜访记录" not in client.get("/note").text


def test_another_user_never_sees_it(app: Flask, clock: Any, enter: Any) -> None:
    client = enter("anna")
    lose(client, clock)
    enter("boris", browser=client)
    assert "拜访记录" not in client.get("/note").text
    assert client.get("/session/draft?url=/note").get_json() == {"fields": None}
    assert "拜访记录" in enter("anna").get("/note").text


def test_secrets_are_never_stored(app: Flask, clock: Any, enter: Any) -> None:
    lose(enter(), clock)
    with app.app_context(), short_read() as session:
        fields = drafts.load(session, kept(app)[0][0], "/note", at=clock(), life=drafts.settings.draft_life())
    assert fields == {"title": ["拜访记录"], "body": ["谈了理财"]}


@pytest.mark.parametrize(
    "name", ["password", "new_password", "pwd", "csrf_token", "api_secret", "otp", "PIN", "card-pin", "cvv", "密码"]
)
def test_names_that_sound_secret(name: str) -> None:
    assert drafts.keepable({name: ["x"]}) == {}


@pytest.mark.parametrize("name", ["shipping", "pinyin", "opinion", "title"])
def test_names_that_only_look_like_it(name: str) -> None:
    assert drafts.keepable({name: ["x"]}) == {name: ["x"]}


def test_database_holds_no_plain_text(app: Flask, clock: Any, enter: Any) -> None:
    lose(enter(), clock)
    with app.app_context(), db.engine.connect() as connection:
        stored = connection.execute(text("SELECT fields FROM core_draft")).scalar_one()
    assert "拜访" not in stored
    assert "title" not in stored


def test_drafts_expire(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    lose(client, clock)
    clock.forward(hours=24, minutes=1)
    enter(browser=client)
    assert "拜访记录" not in client.get("/note").text
    with app.app_context(), short_write() as session:
        drafts.sweep(session, clock(), drafts.settings.draft_life())
    assert kept(app) == []


def test_other_sites_cannot_plant_a_draft(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    clock.forward(minutes=20)
    assert client.post("/note", data=FORM, headers={"Referer": PAGE}).status_code == 400
    assert kept(app) == []


def test_the_gate_checks_the_token_itself(app: Flask, clock: Any, enter: Any) -> None:
    """Also where the check before each request is switched off."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    client = enter()
    clock.forward(minutes=20)
    assert client.post("/note", data=FORM, headers={"Referer": PAGE}).status_code == 400
    assert kept(app) == []


def test_nothing_is_kept_after_sign_out_or_for_disabled_users(app: Flask, clock: Any, enter: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    answer = client.post("/sign-in", data={"username": "anna", "password": "Bridge-2026x"})
    assert answer.status_code == 303
    with app.app_context(), short_write() as session:
        users.disable(session, "anna", at=state().clock(), by="test", reason="left")
    assert client.post("/note", data=FORM, headers={"Referer": PAGE}).status_code == 303
    stranger = app.test_client()
    stranger.post("/note", data=FORM, headers={"Referer": PAGE})
    assert kept(app) == []


def test_too_large_forms_and_empty_ones_are_not_kept(app: Flask, clock: Any, enter: Any) -> None:
    with app.app_context(), short_write() as session:
        user = users.need(session, "anna").id
        assert not drafts.save(session, user, "/note", {"body": ["x" * drafts.LARGEST]}, clock())
        assert not drafts.save(session, user, "/note", {"body": [""]}, clock())


def test_draft_that_cannot_be_opened_counts_as_none(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    lose(client, clock)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE core_draft SET fields = '9:AAAA'"))
    enter(browser=client)
    assert client.get("/note").status_code == 200


def test_a_draft_of_another_form_is_left_alone(app: Flask, enter: Any) -> None:
    client = enter()
    with app.app_context(), short_write() as session:
        drafts.save(session, users.need(session, "anna").id, "/note", {"title": ["x"], "other": ["y"]}, state().clock())
    assert 'value="x"' not in client.get("/note").text


def test_next_is_a_page_that_can_be_opened(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    known = token(client)
    clock.forward(minutes=20)
    answer = client.post("/sign-out", data={"csrf_token": known})
    assert answer.headers["Location"] == "/sign-in"


# -- what the shell's script does --------------------------------------------------------------------------------------


def test_script_saves_reads_and_discards(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    headers = {"X-CSRFToken": token(client)}
    clock.forward(minutes=14)
    sent = {"url": "/note", "fields": {"title": ["半句"], "body": "一句", "csrf_token": ["x"]}}
    assert client.post("/session/draft", json=sent, headers=headers).get_json() == {"kept": True}
    found = client.get("/session/draft?url=/note").get_json()
    assert found == {"fields": {"title": ["半句"], "body": ["一句"]}}
    clock.forward(minutes=1)
    assert client.get("/inside").status_code == 302, "saving a draft must not keep the session alive"
    enter(browser=client)
    headers = {"X-CSRFToken": token(client)}
    answer = client.post("/session/draft/discard", data={"url": "/note"}, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/note")
    assert kept(app) == []


@pytest.mark.parametrize(
    "sent", [[], {}, {"url": "/note"}, {"url": "//evil/x", "fields": {}}, {"url": 5, "fields": []}]
)
def test_script_is_not_trusted(app: Flask, enter: Any, sent: object) -> None:
    client = enter()
    assert client.post("/session/draft", json=sent, headers={"X-CSRFToken": token(client)}).status_code == 400


def test_script_needs_a_session(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    answer = app.test_client().post("/session/draft", json={}, headers={"Accept": "application/json"})
    assert answer.status_code == 401


def test_only_the_latest_are_kept_of_each_user(app: Flask, clock: Any, enter: Any) -> None:
    enter()
    with app.app_context(), short_write() as session:
        drafts.save(session, 2, "/other", {"a": ["b"]}, state().clock())
        for number in range(drafts.MOST + 3):
            clock.forward(seconds=1)
            drafts.save(session, 1, f"/page/{number}", {"a": ["b"]}, state().clock())
    assert sorted(kept(app)) == sorted([(2, "/other"), *((1, f"/page/{n}") for n in range(3, drafts.MOST + 3))])
