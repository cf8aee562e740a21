"""Routes declare who may use them, and their session sees what the action reaches."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from flask import Flask
from flask.views import MethodView
from flask_login import current_user
from sqlalchemy import func, select

from core import permissions
from core.db.session import ReadOnly, ScopeError, new_session, request_session, system_session, write
from core.extensions import db
from core.monitoring.context import acting_as
from core.permissions import GrantSpec

ACTION = "crm.customer.view"


@pytest.fixture
def site(make_app: Flask, world: Any) -> Any:  # noqa: C901
    """A few routes on the world's app."""
    app, Customer = make_app, world.Customer

    def seen(session: Any) -> str:
        return ",".join(str(n) for n in sorted(session.scalars(select(Customer.id))))

    @app.route("/list", methods=["GET", "POST"])
    @permissions.requires(ACTION)
    def listing() -> str:
        return seen(db.session)

    @app.get("/menu")
    @permissions.signed_in("everybody has a menu")
    def menu() -> str:
        return f"{permissions.can(ACTION)} {permissions.can(ACTION)} {permissions.can('crm.modules.switch')}"

    @app.get("/hello")
    @permissions.public("says hello")
    def hello() -> str:
        return f"hello {permissions.can(ACTION)}"

    @app.get("/blind")
    @permissions.signed_in("blind")
    def blind() -> str:
        return seen(db.session)

    @app.get("/nothing")
    def nothing() -> str:
        return "never"

    @app.get("/panel")
    @permissions.signed_in("the panel names its own action")
    def panel() -> str:
        permissions.enter(ACTION)
        first = seen(db.session)
        permissions.enter("crm.customer.edit")
        return f"{first}|{seen(db.session)}"

    @app.get("/acting")
    @permissions.requires(ACTION)
    def acting() -> str:
        with permissions.acting("crm.customer.edit") as session:
            return f"{seen(db.session)}|{seen(session)}"

    @app.route("/past", methods=["GET", "POST"])
    @permissions.requires(ACTION)
    def past() -> str:
        with permissions.unscoped("count them all") as session:
            return f"{seen(db.session)}|{session.scalar(select(func.count(Customer.id)))}"

    @app.route("/save/<int:key>", methods=["GET", "POST"])
    @permissions.requires(ACTION)
    def save(key: int) -> str:
        before = db.session.get(Customer, key)
        with write() as session:
            session.get(Customer, key).line = "sme"
            name = current_user.username
        return f"{name} {before.line}"

    @app.post("/grant")
    @permissions.requires("crm.modules.switch")
    def grant() -> str:
        with write() as session:
            permissions.ensure_role(session, "late", "Late", grants=[ACTION])
            permissions.assign(session, 5, "late")
        return str(permissions.can(ACTION))

    class Things(MethodView):
        decorators = (permissions.requires(ACTION),)

        def get(self) -> str:
            return "thing"

    app.add_url_rule("/things", view_func=Things.as_view("things"))
    assert app.view_functions["listing"].crm_access == ("requires", ACTION)
    assert app.view_functions["menu"].crm_access == ("signed_in", "everybody has a menu")
    assert app.view_functions["hello"].crm_access == ("public", "says hello")
    db.session.remove()
    world.role("rm", GrantSpec(ACTION, "branch_below"), user=2)
    return world


def test_access_of_routes(site: Any) -> None:
    assert site.get("/hello").text == "hello False"
    assert site.get("/list").status_code == 401
    assert site.get("/menu").status_code == 401
    assert site.get("/list", user=8).status_code == 401  # disabled
    assert site.get("/menu", user=3).text == "False False False"
    assert site.get("/menu", user=2).text == "True True False"
    assert site.get("/things", user=2).text == "thing"
    answer = site.get("/list", user=3)
    assert answer.status_code == 403 and f"denied {ACTION}" in answer.text
    assert site.get("/list", user=2).text == "2,4"
    assert site.get("/list", user=2, method="POST").text == "2,4"


def test_requests_of_different_users_never_mix(site: Any) -> None:
    site.role("all", GrantSpec(ACTION), user=1)
    for _ in range(3):
        assert site.get("/list", user=1).text == "1,2,3,4,5"
        assert site.get("/list", user=2).text == "2,4"
        assert site.get("/list", user=3).status_code == 403


def test_a_route_without_declaration_is_closed(site: Any, caplog: Any) -> None:
    assert site.get("/nothing", user=2).status_code == 500
    assert "declares no access" in caplog.text
    assert site.get("/static/none.css").status_code == 404
    assert site.get("/missing").status_code == 404


def test_a_reason_is_asked_for(world: Any) -> None:
    for decorator in (permissions.public, permissions.signed_in):
        with pytest.raises(ValueError):
            decorator(" ")(lambda: "")
    with pytest.raises(ValueError), permissions.unscoped(""):
        pass


def test_a_signed_in_route_is_blind_to_scoped_models(site: Any) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(ScopeError):
        site.get("/blind", user=2)


def test_enter_and_acting(site: Any) -> None:
    assert site.get("/panel", user=3).status_code == 403
    assert site.get("/panel", user=2).status_code == 403
    site.role("editor", GrantSpec("crm.customer.edit", "branch"), user=2)
    assert site.get("/panel", user=2).text == "2,4|2"
    assert site.get("/acting", user=2).text == "2,4|2"
    assert site.get("/acting", user=3).status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unscoped_is_audited(site: Any, method: str) -> None:
    assert site.get("/past", user=2, method=method).text == "2,4|5"
    entry = site.audit()[-1]
    assert (entry.action, entry.reason, entry.user_id) == ("core.unscoped", "count them all", 2)
    assert entry.detail == {"action": ACTION}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_write_in_a_request(site: Any, method: str) -> None:
    """The request's session has read before, under the same lock: write() neither waits for it nor breaks it."""
    assert site.get("/save/2", user=2, method=method).text == "u2 corp"
    with system_session("test") as s:
        assert s.get(site.Customer, 2).line == "sme"


def test_a_grant_holds_within_the_request_that_gave_it(site: Any) -> None:
    site.role("sys", "crm.modules.switch", user=5)
    assert site.get("/grant", user=5, method="POST").text in {"True", "False"}
    assert site.get("/list", user=5).status_code == 200


# -- outside requests --------------------------------------------------------------------------------------------------


def test_jobs_act_for_somebody_or_nobody(site: Any) -> None:
    with pytest.raises(permissions.Denied), permissions.acting(ACTION):
        pass
    assert not permissions.can(ACTION)
    with acting_as(user_id=2):
        assert permissions.can(ACTION)
        with permissions.acting(ACTION) as session:
            assert set(session.scalars(select(site.Customer.id))) == {2, 4}
            session.get(site.Customer, 2).line = "sme"
    with system_session("test") as s:
        assert s.get(site.Customer, 2).line == "sme"


def test_unscoped_commits_or_rolls_back(site: Any) -> None:
    with permissions.unscoped("repair") as session:
        session.get(site.Customer, 3).line = "sme"
    with pytest.raises(RuntimeError), permissions.unscoped("repair, badly") as session:  # noqa: PT012
        session.get(site.Customer, 3).line = "never"
        session.flush()
        raise RuntimeError
    with system_session("test") as s:
        assert s.get(site.Customer, 3).line == "sme"
    assert [e.reason for e in site.audit() if e.action == "core.unscoped"] == ["repair", "repair, badly"]


def test_unscoped_inside_a_unit_of_work(site: Any) -> None:
    """It reads what is committed. On SQLite, where one writer holds the lock, it can do no more, and its audit entry
    joins the transaction that holds it."""
    one_writer = db.engine.name == "sqlite"
    with acting_as(user_id=2), permissions.acting(ACTION) as session:
        session.get(site.Customer, 2).line = "sme"
        session.flush()
        with permissions.unscoped("look") as other:
            assert other.get(site.Customer, 2).line == "corp"
        with pytest.raises(ReadOnly) if one_writer else nullcontext(), permissions.unscoped("meddle") as other:
            other.get(site.Customer, 3).line = "x"
    with system_session("test") as s:
        assert s.get(site.Customer, 3).line == ("retail" if one_writer else "x")
    assert [e.reason for e in site.audit() if e.action == "core.unscoped"] == ["look", "meddle"]


def test_db_session_outside_requests_is_blind(site: Any) -> None:
    with pytest.raises(ScopeError):
        db.session.get(site.Customer, 2)
    db.session.rollback()
    assert request_session() is db.session()
    with new_session() as session, pytest.raises(ScopeError):
        session.get(site.Customer, 2)
    with pytest.raises(ScopeError), write() as session:
        session.add(site.Customer(id=99, org_id=2))
