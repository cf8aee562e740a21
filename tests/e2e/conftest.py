"""Browser tests run on one database: what differs between two is not on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from flask import Flask

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def signed_in(crm_app: Flask, live_server: str, page: Page) -> Callable[..., Page]:
    """``signed_in("rm01", *actions)``: the tab, with that user signed in."""
    from core.auth.gate import COOKIE
    from core.sdk.testing.people import token_of

    def enter(username: str, *actions: str) -> Page:
        token = token_of(crm_app, username, actions, "bank", None)
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": live_server}])
        return page

    return enter
