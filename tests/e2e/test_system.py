"""The modules page in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

ACTIONS = ("system.modules.view", "system.modules.switch")


@pytest.fixture
def tab(signed_in: Callable[..., Page]) -> Page:
    page = signed_in("e2e_sysadmin", *ACTIONS)
    page.set_viewport_size({"width": 1366, "height": 768})
    return page


def test_switching_a_module_off_and_on_again(tab: Page) -> None:
    tab.goto("/system/modules")
    tab.locator("tr", has_text="customers").get_by_role("link", name="停用").click()
    dialog = tab.locator("dialog#switch")
    dialog.wait_for(state="visible")
    assert "客户管理" in dialog.inner_text()
    assert tab.evaluate("document.activeElement.innerText") == "取消", "the focus starts on Cancel"
    dialog.get_by_label("原因").fill("浏览器演练")
    dialog.get_by_role("button", name="停用").click()
    tab.locator("text=已停用，数据保留").first.wait_for()
    assert "浏览器演练" in tab.locator("main").inner_text()
    assert tab.goto("/customers/").status == 404  # type: ignore[union-attr]

    tab.goto("/system/modules/customers")
    tab.get_by_role("button", name="启用…").click()
    dialog = tab.locator("dialog#switch")
    dialog.get_by_label("原因").fill("演练结束")
    dialog.get_by_role("button", name="启用").click()
    tab.locator("text=已启用。").first.wait_for()
    assert tab.goto("/customers/").status == 403  # type: ignore[union-attr]


def test_esc_and_cancel_change_nothing(tab: Page) -> None:
    tab.goto("/system/modules/customers?ask=1")
    tab.locator("dialog#switch").wait_for(state="visible")
    tab.keyboard.press("Escape")
    tab.locator("dialog#switch").wait_for(state="hidden")
    tab.goto("/system/modules")
    assert "已启用" in tab.locator("tr", has_text="customers").inner_text()


def test_no_page_has_a_violation_or_scrolls_sideways(tab: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for language in ("en", "zh_CN"):
        tab.goto(f"/language/{language}")
        for path in ("", "/customers", "/system", "/customers?ask=1"):
            tab.goto(f"/system/modules{path}")
            tab.wait_for_load_state("networkidle")
            found = [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in Axe().run(tab).response["violations"]]
            assert found == [], f"{path} in {language}"
            assert tab.evaluate("document.documentElement.scrollWidth") <= 1366, path
