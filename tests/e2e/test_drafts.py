"""A form somebody is filling in while their session runs out stands there again after the next sign-in."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from flask import Flask, render_template_string
from sqlalchemy import select
from wtforms import PasswordField, StringField, TextAreaField

from core.auth import users
from core.auth.models import Draft
from core.auth.state import moment, short_read, short_write, state
from core.db.types import now
from core.permissions import signed_in
from core.web import Form

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PASSWORD = "Bridge-2026x"
ID_NO, MOBILE = "11010519491231002X", "13800138000"
PAGE = """{% extends "ui/page.html" %}{% block title %}Visit{% endblock %}{% block page %}
<form method="post" id="visit">{{ form.hidden_tag() }}{% for field in form if field.type != "CSRFTokenField" %}
{{ ui.form_field(field) }}{% endfor %}<button id="send" type="submit">Save</button></form>{% endblock %}"""


class VisitForm(Form):
    """Texts that are kept; a password, a field marked as an identifier, and one nobody has marked."""

    subject = StringField("Subject")
    remark = TextAreaField("Remark")
    secret = PasswordField("Password")
    document = StringField("Document", render_kw={"data-class": "C2.id_no"})
    unmarked = StringField("Phone")


class Clock:
    """The real clock, put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self.ahead


@pytest.fixture
def clock(crm_app: Flask) -> Clock:
    """The clock of sign-in, with a form and somebody who may fill it in."""

    @crm_app.route("/visit", methods=["GET", "POST"])
    @signed_in("a form of the tests")
    def visit() -> str:
        return render_template_string(PAGE, form=VisitForm())

    made = crm_app.extensions["crm.auth"].clock = Clock()
    with crm_app.app_context(), short_write() as session:
        users.create(session, "anna", PASSWORD, hasher=state().hasher, at=moment(), must_change=False)
    return made


def enter(tab: Page) -> None:
    tab.fill("#username", "anna")
    tab.fill("#password", PASSWORD)
    tab.press("#password", "Enter")
    tab.wait_for_url("**/visit", wait_until="load")


def fill(tab: Page) -> None:
    for field, text in (("subject", "季度拜访"), ("document", ID_NO), ("secret", "Harbour-77"), ("unmarked", MOBILE)):
        tab.type(f"#{field}", text)
    tab.type("#remark", "第一行")
    tab.press("#remark", "Enter")
    tab.type("#remark", "第二行")


def kept(app: Flask) -> dict[str, list[str]]:
    with app.app_context(), short_read() as session:
        fields: dict[str, list[str]] = json.loads(session.scalars(select(Draft)).one().fields)
        return fields


def shown(tab: Page) -> dict[str, str]:
    return {name: tab.input_value(f"#{name}") for name in ("subject", "remark", "secret", "document", "unmarked")}


BACK = {"subject": "季度拜访", "remark": "第一行\n第二行", "secret": "", "document": "", "unmarked": ""}


def test_a_form_half_filled_survives_the_end_of_the_session(page: Page, crm_app: Flask, clock: Clock) -> None:
    page.goto("/visit")
    enter(page)
    clock.ahead += timedelta(minutes=14, seconds=30)  # half a minute before the end: the page sends what is typed
    sent: list[str] = []
    page.on("request", lambda r: sent.append(r.post_data or "") if r.url.endswith("/session/draft") else None)
    with page.expect_response(lambda r: r.url.endswith("/session/draft") and "第二行" in (r.request.post_data or "")):
        fill(page)
    for secret in (ID_NO, "Harbour-77"):
        assert not any(secret in body for body in sent), "it has not even left the browser"
    assert {name: values for name, values in kept(crm_app).items() if any(values)} == {
        "subject": ["季度拜访"], "remark": ["第一行\n第二行"]
    }  # fmt: skip

    clock.ahead += timedelta(minutes=1)
    page.goto("/visit")
    assert page.url.endswith("/sign-in?next=/visit"), "the session has ended"
    enter(page)
    assert shown(page) == BACK
    assert "已恢复您之前填写的内容" in page.inner_text("body")


def test_a_form_sent_after_the_end_comes_back_too(page: Page, crm_app: Flask, clock: Clock) -> None:
    page.goto("/visit")
    enter(page)
    fill(page)
    clock.ahead += timedelta(minutes=20)
    page.click("#send")
    page.wait_for_url("**/sign-in?next=/visit", wait_until="load")
    assert MOBILE not in str(kept(crm_app))
    enter(page)
    found = shown(page)
    assert (found["subject"], found["remark"].replace("\r", ""), found["secret"], found["unmarked"]) == (
        "季度拜访", "第一行\n第二行", "", ""
    )  # fmt: skip
    assert found["document"] == "", "an identifier is known by its look, whatever the field is called"
