"""The shell in a real browser: keys, menus, boxes, languages, print, and what axe and the policy say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PAGES = ("/", "/help", "/search", "/search?q=1", "/style-guide", "/recovery", "/no/such/page", "/password")
ACTIONS = ("core.recovery", "core.styleguide")


@pytest.fixture
def tab(signed_in: Callable[..., Page]) -> Iterator[Page]:
    """A tab of an administrator who may open every page of the core; it notes what the browser complains about."""
    page = signed_in("e2e_admin", *ACTIONS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda m: complaints.append(m.text) if "Content Security Policy" in m.text else None)
    page.set_viewport_size({"width": 1366, "height": 768})
    yield page
    assert not complaints


def violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def test_no_page_of_the_core_has_a_violation_in_any_language_or_size(tab: Page) -> None:
    for language in ("zh_CN", "en"):
        for path in PAGES:
            tab.goto(f"/language/{language}")
            tab.goto(path)
            tab.wait_for_load_state("networkidle")
            assert violations(tab) == [], f"{path} in {language}"
    tab.context.add_cookies([{"name": "crm_size", "value": "large", "url": tab.url}])
    tab.goto("/style-guide")
    assert violations(tab) == []
    assert tab.evaluate("getComputedStyle(document.body).fontSize") == "18px"
    tab.set_viewport_size({"width": 683, "height": 768})
    tab.goto("/help")
    assert violations(tab) == []


def test_no_page_scrolls_sideways_when_zoomed_to_200_percent(tab: Page) -> None:
    tab.set_viewport_size({"width": 683, "height": 768})
    for path in PAGES:
        tab.goto(path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 683, path


def test_keys(tab: Page) -> None:
    tab.goto("/help")
    tab.keyboard.press("/")
    assert tab.evaluate("document.activeElement.name") == "q"
    tab.keyboard.type("?")
    assert tab.locator("#keys").is_hidden(), "typed into the box, it is a question mark"
    tab.locator("h1").click()
    tab.keyboard.press("?")
    assert tab.locator("#keys").is_visible()
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    assert tab.locator("#keys").is_hidden()


def test_the_account_menu_moves_with_arrows_and_gives_the_focus_back(tab: Page) -> None:
    tab.goto("/help")
    summary = tab.locator(".topbar summary")
    summary.focus()
    tab.keyboard.press("ArrowDown")
    assert tab.locator(".topbar .menu").is_visible()
    first = tab.evaluate("document.activeElement.textContent")
    tab.keyboard.press("ArrowDown")
    assert tab.evaluate("document.activeElement.textContent") != first
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    assert tab.locator(".topbar .menu").is_hidden()
    assert summary.evaluate("e => e === document.activeElement")


def test_large_print_and_row_height_hold_at_once_and_on_the_next_page(tab: Page) -> None:
    tab.goto("/style-guide")
    tab.locator(".topbar summary").click()
    tab.locator("button[data-size=large]").click()
    assert tab.locator("html").get_attribute("data-size") == "large"
    tab.locator(".panel-body button[data-density=compact]").click()
    tab.goto("/help")
    assert tab.locator("html").get_attribute("data-size") == "large"
    assert tab.locator("html").get_attribute("data-density") == "compact"


def test_a_confirmation_starts_on_cancel_and_tabs_follow_arrows(tab: Page) -> None:
    tab.goto("/style-guide")
    tab.locator("[data-open=sample-confirm]").click()
    assert tab.evaluate("document.activeElement.hasAttribute('data-close')")
    assert violations(tab) == []
    tab.keyboard.press("Enter")
    assert tab.locator("#sample-confirm").is_hidden()
    tab.locator("#t1-tab").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.locator("#t2").is_visible()
    assert tab.locator("#t1").is_hidden()
    tab.locator("[data-toast]").click()
    assert tab.locator("#toasts .toast").count() == 1


def test_the_menu_folds_and_stays_folded(tab: Page) -> None:
    tab.goto("/help")
    wide = tab.locator(".side").bounding_box()
    tab.locator("[data-toggle-side]").click()
    tab.goto("/search")
    narrow = tab.locator(".side").bounding_box()
    assert wide and narrow
    assert narrow["width"] < wide["width"] / 2


def test_open_pages_are_tabs_that_close_with_and_without_script(tab: Page) -> None:
    tab.goto("/help")
    tab.goto("/style-guide")
    assert tab.locator(".tabstrip li").count() == 3
    tab.locator(".tabstrip li.on button").click()
    tab.wait_for_url("**/help")
    assert tab.locator(".tabstrip li").count() == 2


def test_pages_work_without_script(tab: Page, live_server: str) -> None:
    browser = tab.context.browser
    assert browser is not None
    context = browser.new_context(java_script_enabled=False, base_url=live_server)
    try:
        context.add_cookies(tab.context.cookies())
        page = context.new_page()
        page.goto("/help")
        page.locator(".topbar summary").click()
        page.locator("button[data-size=large]").click()
        assert page.locator("html").get_attribute("data-size") == "large"
        page.locator(".tabstrip li.on button").click()
        page.wait_for_url(live_server + "/")
        assert page.locator(".tabstrip li").count() == 1
    finally:
        context.close()


def test_printing_leaves_the_figures_and_says_who_printed(tab: Page) -> None:
    tab.goto("/style-guide")
    assert tab.locator(".print-foot").is_hidden()
    tab.emulate_media(media="print")
    assert tab.locator(".topbar").is_hidden()
    assert tab.locator(".side").is_hidden()
    assert tab.locator(".print-foot").is_visible()
    assert "e2e_admin" in (tab.locator(".print-foot").text_content() or "")
    assert tab.locator(".print-mark").is_visible()


def test_assets_are_fetched_once(tab: Page) -> None:
    tab.goto("/help")
    tab.goto("/search")
    sizes = tab.evaluate(
        "performance.getEntriesByType('resource').filter(e => e.name.includes('/assets/')).map(e => e.transferSize)"
    )
    assert sizes
    assert sum(sizes) == 0


def test_an_error_shows_in_the_page_without_losing_it(tab: Page) -> None:
    tab.goto("/help")
    tab.evaluate(
        """() => { const e = document.createElement('button'); e.id = 'probe'; e.textContent = 'x';
                   e.setAttribute('hx-get', '/no/such/page'); e.setAttribute('hx-target', '#drawer-host');
                   e.setAttribute('hx-select', '#list');
                   document.querySelector('#main').append(e); htmx.process(e); }"""
    )
    tab.locator("#probe").click()
    tab.locator("#drawer-host [data-fault]").wait_for()
    assert tab.locator("h1").count() == 1


def test_the_english_interface_has_no_chinese_left(tab: Page) -> None:
    tab.goto("/language/en")
    for path in ("/", "/help", "/recovery", "/search"):
        tab.goto(path)
        text = tab.evaluate("[...document.querySelectorAll('main, .topbar, .side')].map(e => e.innerText).join(' ')")
        left = [c for c in text.replace("中文", "") if "一" <= c <= "鿿"]
        assert not left, f"{path}: {''.join(left)}"


@pytest.fixture
def crimson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_THEME", "crimson")


def test_the_second_theme_changes_colours_and_one_template(crimson: None, tab: Page) -> None:
    tab.goto("/style-guide")
    assert tab.evaluate("getComputedStyle(document.querySelector('.topbar')).backgroundColor") == "rgb(91, 20, 32)"
    assert tab.locator(".tag-mark").count() > 0
    assert violations(tab) == []


def test_errors_open_no_tab_and_the_page_in_view_keeps_its_place_in_the_strip(tab: Page) -> None:
    for number in range(18):
        tab.goto(f"/search/none{number}")  # an error is no page to come back to
    assert tab.locator(".tabstrip li").count() == 1
    for path in (
        "/help",
        "/style-guide",
        "/search?q=a+rather+long+question+that+takes+much+room+in+a+tab+of+the+strip",
    ):
        tab.goto(path)
    strip = tab.locator(".tabstrip").bounding_box()
    last = tab.locator(".tabstrip li.on").bounding_box()
    assert strip and last
    assert last["x"] + last["width"] <= strip["x"] + strip["width"]
