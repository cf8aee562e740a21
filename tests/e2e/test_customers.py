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
    tab.wait_for_url(f"**q={delivered}**")  # this system's own number names nobody outside of it
    rows = tab.locator("#list tbody tr")
    assert rows.count() == 1
    rows.first.get_by_role("link").first.click()
    tab.wait_for_load_state("networkidle")
    assert tab.url.endswith(delivered)

    totals = tab.locator("#p-customers-accounts tfoot td.num").all_inner_texts()
    number = tab.locator("#p-customers-basic dd", has_text="（").last.inner_text().partition("（")[0]
    wanted = _facts(
        crm_app,
        f"SELECT sum(balance) FROM account JOIN link USING (account_id) "
        f"WHERE source_cust_id = '{number}' AND role = 'OWNER' GROUP BY currency ORDER BY currency <> 'CNY', currency",
    )
    assert [Decimal(text.replace(",", "").replace("−", "-")) for text in totals] == [row[0] for row in wanted]
    assert tab.locator("#p-customers-loans tbody tr").count() >= 1
    owed = _facts(
        crm_app,
        f"SELECT sum(loan.balance) FROM loan JOIN link USING (account_id) "
        f"WHERE source_cust_id = '{number}' AND role = 'OWNER' AND status NOT IN ('A', 'SETTLED')",
    )
    figure = tab.locator(".cust-figs div", has_text="贷款余额（CNY）").locator(".big").inner_text()
    assert Decimal(figure.replace(",", "")) == owed[0][0]
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


def test_large_text_cuts_no_column_of_the_accounts_off(tab: Page, delivered: str, live_server: str) -> None:
    tab.context.add_cookies([{"name": "crm_size", "value": "large", "url": live_server}])
    settled(tab, f"/customers/{delivered}")
    wrap = tab.locator("#p-customers-accounts .table-wrap")
    assert wrap.evaluate("e => e.scrollWidth - e.clientWidth") <= 0


def test_many_tabs_stay_readable_and_the_one_in_view_is_seen(tab: Page, delivered: str) -> None:
    for number in range(1, 21):
        tab.request.get(f"/customers/P{number:010d}")
    settled(tab, f"/customers/{delivered}/why")
    strip = tab.locator(".tabstrip")
    widths = strip.evaluate("e => [...e.querySelectorAll('li:not(.pin)')].map(i => i.offsetWidth)")
    assert len(widths) == 20
    assert min(widths) >= 112
    seen = strip.evaluate(
        """e => {
            const on = e.querySelector(".on").getBoundingClientRect(), all = e.getBoundingClientRect();
            return on.left >= all.left && on.right <= all.right; }"""
    )
    assert seen


def test_two_people_edit_and_the_second_decides_field_by_field(tab: Page, delivered: str) -> None:
    settled(tab, f"/customers/{delivered}/edit")
    other = tab.context.new_page()
    settled(other, f"/customers/{delivered}/edit")
    other.fill("#short_name", "先到")
    other.fill("#remark", "先记的话")
    other.get_by_role("button", name="保存").click()
    other.wait_for_url(f"**/{delivered}")
    tab.fill("#short_name", "后到")
    tab.fill("#remark", "后记的话")
    tab.get_by_role("button", name="保存").click()
    tab.locator("tr.differ").first.wait_for()
    assert not violations(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1366
    save = tab.get_by_role("button", name="按所选保存")
    save.click()
    assert tab.url.endswith("/edit"), "nothing is chosen for them: the browser asks for each field"
    tab.get_by_label("简称: 保留现有内容").check()
    tab.get_by_label("备注: 保留您填写的内容").check()
    save.click()
    tab.wait_for_url(f"**/{delivered}")
    tab.wait_for_load_state("networkidle")
    said = tab.locator("main").inner_text()
    assert "先到" in said
    assert "后记的话" in said
    assert "后到" not in said
    assert "先记的话" not in said


def test_days_the_wrong_way_round_are_marked_at_the_field_at_once(tab: Page, delivered: str) -> None:
    settled(tab, f"/customers/{delivered}/transactions")
    assert tab.locator("#list tbody tr").count() > 0
    tab.fill("#start", "2026-11-20")
    tab.fill("#end", "2026-11-01")
    tab.press("#end", "Tab")
    tab.locator("#end-e", has_text="截止日期早于起始日期").wait_for()
    tab.locator("#list tbody tr").first.wait_for(state="detached")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1366
    tab.fill("#end", "2026-11-30")
    tab.press("#end", "Tab")
    tab.locator("#list tbody tr").first.wait_for()
    assert tab.locator("#end-e").inner_text() == ""


def violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found]


def customer_pages(number: str) -> tuple[str, ...]:
    parts = ("", "/transactions", "/edit", "/why")
    return ("/", "/customers/", "/customers/?q=zzzz", "/search?q=zhang", "/help", "/system/modules",
            *(f"/customers/{number}{part}" for part in parts))  # fmt: skip


ADMIN = ("core.recovery", "core.styleguide", "system.modules.view", "system.modules.switch")
ADMIN_PAGES = (
    "/",
    "/style-guide",
    "/recovery",
    "/system/modules",
    "/system/modules/customers",
    "/password",
    "/no/such",
)


def overflowing(page: Page) -> list[str]:
    """What sticks out of the page, and what of a box's own text is cut off or hangs over its neighbour."""
    found: list[str] = page.evaluate(
        """() => {
            const wide = document.documentElement, out = [];
            if (wide.scrollWidth > wide.clientWidth) out.push(`page ${wide.scrollWidth}`);
            for (const e of document.querySelectorAll('main *')) {
                const box = e.getBoundingClientRect();
                if (!box.width || e.closest('.table-wrap, .vh, .pin-end, pre, .scroll')) continue;
                if (box.right > wide.clientWidth + 1) out.push(e.outerHTML.slice(0, 120));
            }
            for (const e of document.querySelectorAll('main .panel-head, main .cust, main .filters, main .field'))
                if (e.scrollWidth > e.clientWidth + 1)
                    out.push(`${e.scrollWidth} in ${e.clientWidth}: ` + e.outerHTML.slice(0, 120));
            return out; }"""
    )
    return found


@pytest.mark.parametrize("size", ["", "large"])
def test_nothing_sticks_out_in_either_size(
    size: str, tab: Page, delivered: str, live_server: str, signed_in: Callable[..., Page]
) -> None:
    tab.context.add_cookies([{"name": "crm_size", "value": size, "url": live_server}])
    for language in ("zh_CN", "en"):
        signed_in("e2e_rm", *ACTIONS)
        tab.goto(f"/language/{language}")
        for path in customer_pages(delivered):
            settled(tab, path)
            assert overflowing(tab) == [], f"{path} in {language}"
        signed_in("e2e_admin", *ADMIN)
        for path in ADMIN_PAGES:
            settled(tab, path)
            assert overflowing(tab) == [], f"{path} in {language}"


def test_no_page_has_a_violation_or_scrolls_sideways(tab: Page, delivered: str) -> None:
    pages = ("/customers/", "/customers/?q=zzzz", f"/customers/{delivered}", f"/customers/{delivered}/transactions",
             f"/customers/{delivered}/edit", f"/customers/{delivered}/why")  # fmt: skip
    for language in ("en", "zh_CN"):
        tab.goto(f"/language/{language}")
        for path in pages:
            settled(tab, path)
            assert violations(tab) == [], f"{path} in {language}"
            assert tab.evaluate("document.documentElement.scrollWidth") <= 1366, path
