"""How long a session lives, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from core.auth import tabs, users
from core.auth.models import User, UserSession
from core.auth.state import short_read, short_write, state
from core.extensions import db
from core.monitoring.models import AuditEntry

from .conftest import PASSWORD, csrf


def why(app: Flask) -> list[str | None]:
    with app.app_context(), short_read() as session:
        return list(session.scalars(select(UserSession.ended_why).order_by(UserSession.id)))


def alive(client: FlaskClient) -> bool:
    return client.get("/inside").status_code == 200


def test_idle_for_fifteen_minutes_ends_it(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    clock.forward(minutes=14, seconds=50)
    assert alive(client)
    clock.forward(minutes=14, seconds=50)
    assert alive(client), "activity did not count"
    clock.forward(minutes=15)
    answer = client.get("/inside")
    assert answer.headers["Location"] == "/sign-in?next=/inside"
    assert why(app) == ["idle"]
    clock.forward(minutes=-10)
    assert not alive(client), "an ended session came back to life"


def test_absolute_end_comes_in_spite_of_activity(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    for _ in range(71):
        clock.forward(minutes=10)
        assert alive(client)
    clock.forward(minutes=10)
    assert not alive(client)
    assert why(app) == ["absolute"]


def test_parameters_decide_the_times(app: Flask, clock: Any, enter: Any) -> None:
    from core import parameters

    with app.app_context(), short_write() as session:
        parameters.set(session, "auth.idle_minutes", 2, "test")
    client = enter()
    clock.forward(minutes=1, seconds=59)
    assert alive(client)
    clock.forward(minutes=2)
    assert not alive(client)


def test_activity_is_written_once_a_minute(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    written: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda c, cur, sql, *_: written.append(sql))
    for _ in range(5):
        clock.forward(seconds=10)
        assert alive(client)
    assert not [sql for sql in written if sql.startswith(("UPDATE", "INSERT", "BEGIN IMMEDIATE"))]
    clock.forward(seconds=10)
    assert alive(client)
    assert len([sql for sql in written if sql.startswith("UPDATE core_session")]) == 1


def test_page_opens_though_activity_cannot_be_noted(
    app: Flask, clock: Any, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy.exc import OperationalError

    from core.auth import gate

    def locked() -> Any:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    client = enter()
    clock.forward(minutes=2)
    monkeypatch.setattr(gate, "short_write", locked)
    assert alive(client)


def test_what_pages_do_by_themselves_is_no_activity(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    clock.forward(minutes=14)
    assert client.get("/inside", headers={"X-Background": "1"}).status_code == 200
    assert client.get("/session/alive").get_json() == {"alive": True, "seconds": 60}
    clock.forward(minutes=1)
    assert client.get("/session/alive").get_json() == {"alive": False, "seconds": 0}


def test_alive_counts_when_asked_to(app: Flask, clock: Any, enter: Any) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = enter()
    clock.forward(minutes=14)
    app.config["WTF_CSRF_ENABLED"] = False
    assert client.post("/session/alive").get_json() == {"alive": True, "seconds": 900}
    clock.forward(minutes=14)
    assert alive(client)


# -- one session a user ------------------------------------------------------------------------------------------------


def test_take_over_tells_both(app: Flask, clock: Any, enter: Any) -> None:
    first = enter(address="10.0.0.1")
    clock.forward(minutes=5)
    second = enter(address="10.0.0.2")
    assert "10.0.0.1" in second.get("/").text
    assert alive(second)
    answer = first.get("/inside", follow_redirects=True)
    assert "10.0.0.2" in answer.text
    assert 'name="password"' in answer.text
    assert why(app) == ["taken_over", None]


def test_no_take_over_of_a_session_that_was_over(app: Flask, clock: Any, enter: Any) -> None:
    enter(address="10.0.0.1")
    clock.forward(minutes=20)
    second = enter(address="10.0.0.2")
    assert "10.0.0.1" not in second.get("/").text
    assert why(app) == ["idle", None]


def test_others_are_left_alone(enter: Any) -> None:
    anna, boris = enter("anna"), enter("boris")
    assert anna.get("/inside").text == "hello anna"
    assert boris.get("/inside").text == "hello boris"


def test_signing_in_changes_the_token(app: Flask, enter: Any) -> None:
    """Session fixation: a token planted before sign-in is worth nothing after it."""
    client = app.test_client()
    planted = "a" * 43
    client.set_cookie("crm_sid", planted)
    enter(browser=client)
    fresh = client.get_cookie("crm_sid")
    assert fresh is not None
    assert fresh.value != planted
    stranger = app.test_client()
    stranger.set_cookie("crm_sid", planted)
    assert not alive(stranger)


def test_csrf_token_changes_with_the_user(app: Flask, enter: Any) -> None:
    client = app.test_client()
    client.get("/sign-in")
    with client.session_transaction() as before:
        old = before["csrf_token"]
    enter("anna", browser=client)
    client.get("/note")
    with client.session_transaction() as after:
        assert after["csrf_token"] != old


def test_csrf_token_stays_for_the_same_user_coming_back(app: Flask, clock: Any, enter: Any) -> None:
    """A form open in another window must still go through."""
    client = enter()
    client.get("/note")
    with client.session_transaction() as before:
        old = before["csrf_token"]
    clock.forward(minutes=20)
    enter(browser=client)
    with client.session_transaction() as after:
        assert after["csrf_token"] == old


def test_signing_in_as_somebody_else_ends_the_session_before(app: Flask, enter: Any) -> None:
    client = enter("anna")
    cookie = client.get_cookie("crm_sid")
    assert cookie is not None
    sent = {"username": "boris", "password": PASSWORD, "csrf_token": csrf(client, "/note")}
    assert client.post("/sign-in", data=sent).status_code == 303
    assert client.get("/inside").text == "hello boris"
    old = app.test_client()
    old.set_cookie("crm_sid", cookie.value)
    assert old.get("/inside").status_code == 302
    with app.app_context(), short_read() as session:
        anna = session.scalars(select(User.id).where(User.username == "anna")).one()
        left = select(AuditEntry.user_id, AuditEntry.key).where(AuditEntry.action == "auth.signed_out")
        assert session.execute(left).all() == [(anna, str(anna))]


# -- ends --------------------------------------------------------------------------------------------------------------


def test_disabled_user_is_out_at_once(app: Flask, enter: Any) -> None:
    client = enter()
    with app.app_context(), short_write() as session:
        assert users.disable(session, "anna", at=state().clock(), by="test", reason="left the bank") == 1
    assert not alive(client)
    with app.app_context(), short_write() as session:
        users.enable(session, "anna", by="test")
    assert not alive(client), "the old session came back"


def test_disabled_by_hand_in_the_table_is_out_too(app: Flask, enter: Any) -> None:
    client = enter()
    with app.app_context(), short_write() as session:
        users.need(session, "anna").active = False
    assert not alive(client)
    assert why(app) == ["disabled"]


def test_sign_out_is_a_post_and_final(app: Flask, enter: Any) -> None:
    client = enter()
    app.config["WTF_CSRF_ENABLED"] = False
    assert client.get("/sign-out").status_code == 405
    token = client.get_cookie("crm_sid")
    assert token is not None
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert client.get_cookie("crm_sid") is None
    thief = app.test_client()
    thief.set_cookie("crm_sid", token.value)
    assert not alive(thief)
    assert why(app) == ["signed_out"]


@pytest.mark.parametrize("token", ["", "short", "x" * 43, "x" * 5000, "' OR 1=1 --aaaaaaaaaaaaaaaa"])
def test_unknown_tokens_are_nobody(app: Flask, token: str) -> None:
    client = app.test_client()
    client.set_cookie("crm_sid", token)
    assert client.get("/inside").headers["Location"] == "/sign-in?next=/inside"


# -- who is sent where -------------------------------------------------------------------------------------------------


def test_htmx_is_told_by_header(app: Flask) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/inside?a=1"}
    answer = app.test_client().get("/inside", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/inside%3Fa%3D1"
    assert "Location" not in answer.headers


def test_htmx_cannot_smuggle_another_site(app: Flask) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://evil.example/inside"}
    assert app.test_client().get("/inside", headers=headers).headers["HX-Redirect"] == "/sign-in"


def test_programs_get_json(app: Flask) -> None:
    answer = app.test_client().get("/inside", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.get_json()["error"]) == (401, "signed_out")


def test_public_pages_ask_for_no_session(app: Flask) -> None:
    assert app.test_client().get("/open").text == "open"


def test_a_route_that_says_nothing_is_closed(app: Flask) -> None:
    assert app.test_client().get("/undeclared").status_code in {302, 500}


# -- tabs --------------------------------------------------------------------------------------------------------------


def test_tabs_live_in_the_session(app: Flask, enter: Any) -> None:
    client = enter()
    with client:
        client.get("/inside")
        tabs.open({"en": "Customers"}, "/customers?q=1")
        tabs.open({"en": "Note"}, "/note")
        tabs.open({"en": "Customers"}, "/customers?q=2")
        assert tabs.listed() == [tabs.Tab({"en": "Customers"}, "/customers?q=2"), tabs.Tab({"en": "Note"}, "/note")]
    with client:
        client.get("/inside")
        tabs.close("/customers?q=2")
        tabs.close("/not-there")
        assert [tab.url for tab in tabs.listed()] == ["/note"]


def test_a_tab_has_a_title_in_each_language(app: Flask, enter: Any) -> None:
    client = enter()
    with client:
        client.get("/inside")
        tabs.open({"zh_CN": "客户列表", "en": "Customer list"}, "/customers")
    with app.app_context(), short_write() as session:
        row = session.scalars(select(UserSession)).one()
        row.tabs = [*row.tabs, {"title": "旧标签", "url": "/old"}]
    with client:
        client.get("/inside")
        assert [[tab.title(code) for tab in tabs.listed()] for code in ("zh_CN", "en")] == [
            ["客户列表", "旧标签"],
            ["Customer list", "旧标签"],
        ]


def test_tabs_have_an_end(app: Flask, enter: Any) -> None:
    client = enter()
    with client:
        client.get("/inside")
        for number in range(tabs.MOST + 5):
            tabs.open({"en": f"Page {number}"}, f"/page/{number}")
        assert len(tabs.listed()) == tabs.MOST
        assert tabs.listed()[-1].title("en") == f"Page {tabs.MOST + 4}"


def test_pages_opened_at_once_are_all_kept(app: Flask, enter: Any) -> None:
    client = enter()
    with client:
        client.get("/inside")
        assert tabs.listed() == []
        with app.app_context(), short_write() as session:  # another page of the same reader, meanwhile
            session.scalars(select(UserSession)).one().tabs = [{"titles": {"en": "Other"}, "url": "/other"}]
        tabs.open({"en": "Page"}, "/page")
        assert [tab.url for tab in tabs.listed()] == ["/other", "/page"]
    with client:
        client.get("/inside")
        with app.app_context(), short_write() as session:
            row = session.scalars(select(UserSession)).one()
            row.tabs = [*row.tabs, {"titles": {"en": "Third"}, "url": "/third"}]
        tabs.close("/page")
        assert [tab.url for tab in tabs.listed()] == ["/other", "/third"]


def test_tabs_of_nobody(app: Flask) -> None:
    with app.test_client() as client:
        client.get("/open")
        tabs.open({"en": "Page"}, "/page")
        assert tabs.listed() == []


def test_tabs_come_along_to_the_next_sign_in(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    with client:
        client.get("/inside")
        tabs.open({"en": "Note"}, "/note")
    clock.forward(minutes=1)
    second = enter(address="10.0.0.2")
    with second:
        second.get("/inside")
        assert [tab.url for tab in tabs.listed()] == ["/note"]


def test_remaining_is_the_nearer_end(app: Flask, clock: Any, enter: Any) -> None:
    client = enter()
    for _ in range(71):
        clock.forward(minutes=10)
        assert alive(client)
    clock.forward(minutes=9)
    assert client.get("/session/alive").get_json()["seconds"] == timedelta(minutes=1).seconds


def test_current_user_knows_person_and_place(app: Flask, enter: Any) -> None:
    from datetime import date

    from flask_login import current_user

    from core.orgs import staff, tree
    from core.orgs.models import Level

    with app.app_context(), short_write() as session:
        head = tree.create(session, "0000", "总行", Level.HEAD, on=date(2020, 1, 1))
        users.need(session, "anna").employee_id = staff.hire(
            session, "anna", "王海峰", head, title="经理", on=date(2020, 1, 1)
        ).id
    client = enter()
    with client:
        client.get("/inside")
        assert (current_user.name, current_user.employee.organisation.name) == ("王海峰", "总行")
        assert current_user.org_id == current_user.employee.org_id
        assert current_user.get_id() == str(current_user.id)
    with enter("boris") as other:
        other.get("/inside")
        assert (current_user.name, current_user.org_id, current_user.employee) == ("boris", None, None)
