"""Tabs of open pages speak the language of their reader; names stay what they are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy import select

from core import permissions
from core.auth.models import UserSession
from core.db.session import system_session
from core.i18n import CORE, catalogue

ACTIONS = ("system.modules.view", "core.styleguide")


def strip(client: FlaskClient, path: str = "/search") -> list[str]:
    """Titles of the open pages, as another page shows them; that page itself is left out."""
    found = re.search(r'<ul class="tabstrip">(.*?)</ul>', client.get(path).text, re.DOTALL)
    assert found
    return [title for url, title in re.findall(r'<a href="([^"]*)" title="([^"]*)"', found[1]) if url != path]


def speak(client: FlaskClient, code: str) -> None:
    assert client.get(f"/language/{code}").status_code == 302


def test_tabs_change_their_language_with_their_reader(login_as: Any) -> None:
    client = login_as("rm01", *ACTIONS)
    for path in ("/help", "/system/modules", "/system/modules/customers"):
        client.get(path)
    assert strip(client) == ["帮助与快捷键", "模块管理", "模块 客户管理"]
    speak(client, "en")
    assert strip(client) == ["Help and keys", "Modules", "Module Customers"]
    client.get("/style-guide")
    assert strip(client)[-1] == "Style guide"
    speak(client, "zh_CN")
    assert strip(client)[-1] == catalogue(CORE, "zh_CN").gettext("Style guide") != "Style guide"


def test_a_title_is_text_and_not_html(login_as: Any, crm_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    client = login_as("rm01", *ACTIONS)
    monkeypatch.setattr("plugins.system.views.modules._title", lambda plugin: "张\u202e三 & <李\x00四>\x1b")
    client.get("/system/modules/customers")
    with crm_app.app_context(), system_session("test") as session:
        (kept,) = session.scalars(select(UserSession.tabs)).one()
    assert kept["titles"] == {"zh_CN": "模块 张 三 & <李 四>", "en": "Module 张 三 & <李 四>"}
    assert strip(client) == ["模块 张 三 &amp; &lt;李 四&gt;"]


def test_an_open_page_is_not_written_again(login_as: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = login_as("rm01")
    client.get("/help")
    speak(client, "en")
    client.get("/help")
    written: list[Any] = []
    monkeypatch.setattr("core.auth.tabs._store", written.append)
    for code in ("zh_CN", "en"):
        speak(client, code)
        client.get("/help")
    assert written == []


def test_what_was_searched_for_is_in_no_title(login_as: Any, crm_app: Flask) -> None:
    client = login_as("rm01", "customers.party.view")
    client.get("/search/customers", query_string={"q": "王海峰"})
    with crm_app.app_context(), system_session("test") as session:
        (kept,) = session.scalars(select(UserSession.tabs)).one()
    assert "王海峰" not in str(kept)
    assert kept["titles"]["zh_CN"]


def test_pages_about_one_thing_share_a_tab_that_leads_to_the_last(login_as: Any, crm_app: Flask) -> None:
    client = login_as("rm01", *ACTIONS)

    @permissions.signed_in("a test")
    def page(number: str, part: str = "") -> str:
        return render_template_string(
            '{% extends "ui/page.html" %}{% block title %}{{ number }} {{ part }}{% endblock %}',
            number=number,
            part=part,
        )

    crm_app.add_url_rule("/things/<number>", "things_show", page)
    crm_app.add_url_rule("/things/<number>/<part>", "things_part", page)
    for path in ("/system/modules", "/things/1", "/things/12", "/things/1/why", "/system/modules/customers"):
        client.get(path)
    assert strip(client) == ["模块管理", "1 why", "12", "模块 客户管理"]
    client.get("/things/1")
    assert strip(client) == ["模块管理", "1", "12", "模块 客户管理"]
