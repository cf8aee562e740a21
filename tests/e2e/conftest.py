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
    from core.auth.state import COOKIE
    from core.sdk.testing.people import token_of

    def enter(username: str, *actions: str) -> Page:
        token = token_of(crm_app, username, actions, "bank", None)
        page.context.add_cookies([{"name": COOKIE, "value": token, "url": live_server}])
        return page

    return enter


@pytest.fixture
def practice_bank(crm_app: Flask) -> str:
    """Three hundred customers of the practice bank, loaded; the number of the first."""
    from sqlalchemy import select

    from core.config import Config
    from core.db.session import system_session
    from core.warehouse import batch
    from core.warehouse.source_file import read
    from plugins.customers.models import Party
    from plugins.samplebank import bank, cli

    config: Config = crm_app.config["CRM"]
    folder = config.instance / "deliveries"
    with crm_app.app_context(), system_session("test looks") as session:
        bank.write(folder, 300, 1, 1, bank.LAST_DAY, None)
        report = batch.run([read(cli.describe(config.sources, folder))])
        assert report.exit_code == 0
        return str(session.scalars(select(Party.party_id).order_by(Party.party_id)).first())
