"""A module that is switched off: told to those who may use it, hidden from all others, and no form is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from core.auth.models import Draft
from core.db.session import system_session

EDIT = "/customers/P0000000001/edit"
ACTIONS = ("customers.party.view", "customers.party.edit")
TYPED = {"short_name": "老王", "remark": "周五再谈"}


def drafts(app: Flask) -> list[tuple[str, str]]:
    with app.app_context(), system_session("test") as session:
        return [(draft.url, draft.fields) for draft in session.scalars(select(Draft))]


def test_a_form_sent_to_it_is_kept_and_said_to_be(
    crm_app: Flask, login_as: Callable[..., Any], with_plugin_disabled: Any
) -> None:
    clerk = login_as("clerk", *ACTIONS)
    page = {"Referer": f"http://localhost{EDIT}"}
    with with_plugin_disabled("customers"):
        answer = clerk.post(EDIT, data=TYPED, headers=page)
        assert answer.status_code == 404
        assert "“客户管理”已停用，您填写的内容已保留" in answer.text
    ((url, fields),) = drafts(crm_app)
    assert url == EDIT
    assert "short_name" in fields


def test_another_site_fills_in_nobodys_form(
    crm_app: Flask, login_as: Callable[..., Any], with_plugin_disabled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = login_as("clerk", *ACTIONS)
    monkeypatch.setitem(crm_app.config, "WTF_CSRF_ENABLED", True)
    with with_plugin_disabled("customers"):
        answer = clerk.post(EDIT, data=TYPED)
    assert answer.status_code == 404
    assert "已保留" not in answer.text
    assert drafts(crm_app) == []


def test_who_may_not_use_it_learns_nothing(
    crm_app: Flask, login_as: Callable[..., Any], with_plugin_disabled: Any
) -> None:
    nobody, clerk = login_as("nobody"), login_as("clerk", *ACTIONS)
    with with_plugin_disabled("customers"):
        for answer in (nobody.get("/customers/"), nobody.post(EDIT, data=TYPED), clerk.get("/customers/no/such/page")):
            assert answer.status_code == 404
            assert "页面不存在" in answer.text
            assert "客户管理" not in answer.text
        assert "“客户管理”已停用" in clerk.get("/customers/").text
        assert crm_app.test_client().get("/customers/").status_code == 404
    assert drafts(crm_app) == []
    assert "页面不存在" in clerk.get("/no/such").text


def test_the_start_page_does_not_blame_roles_for_it(login_as: Callable[..., Any], with_plugin_disabled: Any) -> None:
    nobody, clerk = login_as("nobody"), login_as("clerk", *ACTIONS)
    with with_plugin_disabled("customers"):
        assert "您使用的模块已停用：客户管理" in clerk.get("/").text
        assert "已停用" not in nobody.get("/").text
    assert "已停用" not in clerk.get("/").text
