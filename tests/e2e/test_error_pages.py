"""Every error, as a page of its own and as the piece htmx asked for, in both languages: in words, and whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from playwright.sync_api import expect

from tests.e2e.look import foreign, listening, violations

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

TITLES = {
    403: ("You may not do this", "您没有此项权限"),
    404: ("There is no such page", "页面不存在"),
    409: ("Somebody else has changed this in the meantime", "该记录已被他人修改"),
    422: ("Some entries are not right", "部分填写内容有误"),
    500: ("Something went wrong on our side", "系统出现故障"),
}
TRIGGER = """() => { const e = document.createElement('button'); e.id = 'probe'; e.textContent = '1';
  e.setAttribute('hx-get', '/help'); e.setAttribute('hx-target', '#drawer-host'); e.setAttribute('hx-select', '#list');
  document.querySelector('#main').append(e); htmx.process(e); }"""


def going_wrong(status: int) -> NoReturn:
    """Fail as a view does that ends with this status."""
    from flask import abort

    from core.db.locking import Conflict
    from core.permissions import Denied
    from plugins.customers.models import Party

    if status == 403:
        raise Denied("core.recovery", ())
    if status == 409:
        raise Conflict(Party, 1, {"short_name": "一店"}, {"short_name": "二店"})
    if status == 500:
        raise RuntimeError("for the test")
    abort(status)


@pytest.fixture
def broken(crm_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """``broken(409)``: the help page ends like this from now on."""

    def end_with(status: int) -> None:
        def view(*_: Any, **__: Any) -> NoReturn:
            going_wrong(status)

        view.crm_access = crm_app.view_functions["core.help"].crm_access  # type: ignore[attr-defined]
        monkeypatch.setitem(crm_app.view_functions, "core.help", view)

    return end_with


def whole(page: Page, said: list[str], language: str) -> None:
    """What must hold of any page, wrong or right; that the request failed is all the browser may complain about."""
    assert [
        text for text in said if "Failed to load resource" not in text and "Response Status Error" not in text
    ] == []
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    if language == "zh_CN":
        assert foreign(page) == set()


@pytest.mark.parametrize("status", TITLES)
def test_an_error_is_a_whole_page(status: int, broken: Callable[[int], None], signed_in: Callable[..., Page]) -> None:
    page = signed_in("e2e_rm")
    said = listening(page)
    broken(status)
    for language, title in zip(("en", "zh_CN"), TITLES[status], strict=True):
        page.goto(f"/language/{language}")
        said.clear()
        answer = page.goto("/help")
        assert answer is not None
        assert answer.status == status
        expect(page.locator("h1")).to_contain_text(title)
        expect(page.locator(".side")).to_be_visible()
        assert page.locator(".quote").count() == (status == 500), "a number to quote, for the help desk"
        whole(page, said, language)


@pytest.mark.parametrize("status", TITLES)
def test_an_error_in_a_piece_costs_that_piece(
    status: int, broken: Callable[[int], None], signed_in: Callable[..., Page]
) -> None:
    page = signed_in("e2e_rm")
    said = listening(page)
    broken(status)
    for language, title in zip(("en", "zh_CN"), TITLES[status], strict=True):
        page.goto(f"/language/{language}")
        page.goto("/search")
        said.clear()
        page.evaluate(TRIGGER)
        page.locator("#probe").click()
        piece = page.locator("#drawer-host [data-fault]")
        expect(piece).to_contain_text(title)
        assert page.locator("h1").count() == 1, "the page around it stands as it stood"
        whole(page, said, language)


@pytest.mark.parametrize(("language", "asked"), [("en", "Whom to ask"), ("zh_CN", "请联系")])
def test_a_refusal_names_the_permission_and_whom_to_ask(
    language: str, asked: str, signed_in: Callable[..., Page]
) -> None:
    page = signed_in("e2e_rm")
    page.goto(f"/language/{language}")
    page.goto("/customers/")
    facts = page.locator(".fault dl").inner_text()
    assert "customers.party.view" in facts
    assert asked in facts
