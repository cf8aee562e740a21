"""From the files of the practice bank to a customer's page, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.training]

ACTIONS = ("customers.party.view", "customers.party.edit", "customers.account.view")


@pytest.fixture
def delivered(crm_app: Flask) -> str:
    """Three hundred customers of the practice bank, loaded; the number of one who has a loan."""
    from core.config import Config
    from core.warehouse import batch
    from core.warehouse.source_file import read
    from plugins.samplebank import bank, cli

    config: Config = crm_app.config["CRM"]
    folder = config.instance / "deliveries"
    with crm_app.app_context():
        bank.write(folder, 300, 1, 1, bank.LAST_DAY, None)
        source = read(cli.describe(config.sources, folder))
        report = batch.run([source])
        assert report.exit_code == 0
    return _with_loan(crm_app)


def _with_loan(app: Flask) -> str:
    from sqlalchemy import select

    from core.db.session import system_session
    from plugins.customers.models import Party, Xref

    owners = "SELECT source_cust_id FROM link JOIN loan USING (account_id) WHERE role = 'OWNER' ORDER BY 1"
    number = _facts(app, owners)[0][0]
    with app.app_context(), system_session("test looks") as session:
        statement = select(Party.party_id).join(Xref, Xref.party_id == Party.id).where(Xref.source_cust_id == number)
        return str(session.scalars(statement).one())


def _facts(app: Flask, sql: str) -> list[tuple[Any, ...]]:
    """The last night's Parquet files, read by another way than the product's."""
    import duckdb

    folder = app.config["CRM"].warehouse
    with duckdb.connect() as link:
        for name, feed in (("account", "account"), ("link", "account_party"), ("loan", "loan")):
            files = sorted(folder.glob(f"customers.{feed}/*/*/*/*.parquet"), key=lambda f: f.parent.name)
            link.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{files[-1]}')")
        return link.execute(sql).fetchall()


@pytest.fixture
def tab(delivered: str, signed_in: Callable[..., Page]) -> Page:
    page = signed_in("e2e_rm", *ACTIONS)
    page.set_viewport_size({"width": 1366, "height": 768})
    return page


def settled(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_load_state("networkidle")


def test_a_clerk_finds_a_customer_and_sees_exact_balances(tab: Page, delivered: str, crm_app: Flask) -> None:
    settled(tab, "/")
    tab.get_by_role("link", name="客户管理").first.click()
    tab.fill("#q", delivered)
    tab.press("#q", "Enter")
    tab.wait_for_url(f"**q={delivered}**")
    rows = tab.locator("#list tbody tr")
    assert rows.count() == 1
    rows.first.get_by_role("link").first.click()
    tab.wait_for_load_state("networkidle")
    assert tab.url.endswith(delivered)

    totals = tab.locator("#p-customers-accounts tfoot td.num").all_inner_texts()
    number = tab.locator("#p-customers-basic dd", has_text="samplebank_core").inner_text().split(" ")[0]
    wanted = _facts(
        crm_app,
        f"SELECT sum(balance) FROM account JOIN link USING (account_id) "
        f"WHERE source_cust_id = '{number}' AND role = 'OWNER' GROUP BY currency ORDER BY currency <> 'CNY', currency",
    )
    assert [Decimal(text.replace(",", "").replace("−", "-")) for text in totals] == [row[0] for row in wanted]
    assert tab.locator("#p-customers-loans tbody tr").count() >= 1
    assert "2026-11-20" in tab.locator("#p-customers-accounts header").inner_text()


def test_the_list_changes_in_place_and_back_works(tab: Page) -> None:
    settled(tab, "/customers/")
    everybody = tab.locator("#list .pager").inner_text()
    tab.select_option("#kind", "C")
    tab.wait_for_url("**kind=C**")
    tab.locator("#list .tag", has_text="对公客户").wait_for()
    assert tab.locator("#list .pager").inner_text() != everybody
    tab.go_back()
    tab.locator("#list .tag", has_text="类型：").wait_for(state="detached")
    assert tab.locator("#list .pager").inner_text() == everybody


def test_all_transactions_page_by_page(tab: Page, delivered: str) -> None:
    settled(tab, f"/customers/{delivered}/transactions")
    first = tab.locator("#list tbody tr").all_inner_texts()
    assert len(first) == 50
    tab.get_by_role("link", name="下一页").click()
    tab.wait_for_load_state("networkidle")
    second = tab.locator("#list tbody tr").all_inner_texts()
    assert second
    assert not set(first) & set(second)
    days = [row.split("\t")[0] for row in first + second]
    assert days == sorted(days, reverse=True)


def test_two_people_edit_and_the_second_sees_both(tab: Page, delivered: str, signed_in: Callable[..., Page]) -> None:
    settled(tab, f"/customers/{delivered}/edit")
    other = tab.context.new_page()
    settled(other, f"/customers/{delivered}/edit")
    other.fill("#short_name", "先到")
    other.get_by_role("button", name="保存").click()
    other.wait_for_url(f"**/{delivered}")
    tab.fill("#short_name", "后到")
    tab.get_by_role("button", name="保存").click()
    tab.locator("text=先到").first.wait_for()
    assert "后到" in tab.locator("main").inner_text()


def test_no_page_has_a_violation_or_scrolls_sideways(tab: Page, delivered: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    pages = ("/customers/", "/customers/?q=zzzz", f"/customers/{delivered}", f"/customers/{delivered}/transactions",
             f"/customers/{delivered}/edit", f"/customers/{delivered}/why")  # fmt: skip
    for language in ("en", "zh_CN"):
        tab.goto(f"/language/{language}")
        for path in pages:
            settled(tab, path)
            found = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in Axe().run(tab).response["violations"]]
            assert found == [], f"{path} in {language}"
            assert tab.evaluate("document.documentElement.scrollWidth") <= 1366, path
