"""The sign-in pages in a real browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask

from core.auth import users
from core.auth.state import moment, short_write, state

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)]

PASSWORD = "Bridge-2026x"


def test_sign_in_and_change_password(page: Page, crm_app: Flask) -> None:
    with crm_app.app_context(), short_write() as session:
        users.create(session, "anna", PASSWORD, hasher=state().hasher, at=moment())
    page.goto("/help")
    assert page.url.endswith("/sign-in?next=/help")
    assert Axe().run(page).violations_count == 0
    page.fill("#username", "anna")
    page.fill("#password", "Wrong-pass1")
    page.keyboard.press("Enter")
    assert page.inner_text("[role=alert]") == "用户名或密码错误。"
    assert Axe().run(page).violations_count == 0
    page.fill("#username", "anna")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/password", wait_until="load")
    assert Axe().run(page).violations_count == 0
    for field, value in (("current", PASSWORD), ("new", "Harbour-77"), ("again", "Harbour-77")):
        page.fill(f"#{field}", value)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith("/password"))
    page.goto("/help")
    assert page.url.endswith("/help")
