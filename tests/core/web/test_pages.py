"""Pages of the core: shell, errors, panels, search, recovery."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from core.contract import SearchHit

HTMX = {"HX-Request": "true"}


def test_the_menu_holds_only_what_one_may_open_and_what_is_there(client: FlaskClient, world: Any) -> None:
    world.denied = {"fake.secret"}
    page = client.get("/fake/").text
    assert "Fake list" in page
    assert "Secret list" not in page
    assert "Gone" not in page
    world.denied = set()
    assert "Secret list" in client.get("/fake/").text


def test_the_line_of_the_page_in_view_is_marked(client: FlaskClient) -> None:
    page = client.get("/fake/").text
    assert re.search(r'href="/fake/" aria-current="page">Fake list', page)
    assert re.search(r'href="/fake/secret">Secret list', page)


def test_a_page_becomes_a_tab_and_a_fragment_or_an_error_does_not(client: FlaskClient, world: Any) -> None:
    client.get("/fake/")
    assert [(t.title("zh_CN"), t.url) for t in world.open] == [("Fake list", "/fake/")]
    client.get("/fake/", headers=HTMX)
    client.get("/fake/raise/404")
    client.get("/")
    assert len(world.open) == 1


def test_closing_the_page_in_view_leads_to_the_one_before(client: FlaskClient, world: Any) -> None:
    world.opens("A", "/fake/")
    world.opens("B", "/fake/secret")
    answer = client.post("/tabs/close", data={"url": "/fake/secret", "current": "1"})
    assert (answer.status_code, answer.location) == (302, "/fake/")
    assert client.post("/tabs/close", data={"url": "/fake/", "current": "1"}).location == "/"
    assert world.open == []


def test_every_answer_with_data_stays_out_of_caches_and_frames(client: FlaskClient) -> None:
    for path in ("/fake/", "/fake/raise/404", "/fake/raise/crash", "/_panel/fake.ok/1"):
        headers = client.get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert {"HX-Request", "Cookie"} <= {v.strip() for v in headers["Vary"].split(",")}


# -- language and display ----------------------------------------------------------------------------------------------


def test_chinese_is_the_default_and_english_is_kept_in_a_cookie(client: FlaskClient) -> None:
    assert 'lang="zh-CN"' in client.get("/help").text
    assert "帮助与快捷键" in client.get("/help").text
    answer = client.get("/language/en?next=/help")
    assert answer.location == "/help"
    page = client.get("/help").text
    assert '<html lang="en"' in page
    assert "Help and keys" in page
    assert client.get("/language/xx").status_code == 404


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/a\nb"]
)
def test_switching_the_language_never_leads_elsewhere(client: FlaskClient, target: str) -> None:
    assert client.get("/language/en", query_string={"next": target}).location == "/"


def test_no_english_word_is_left_on_a_chinese_page(client: FlaskClient, world: Any) -> None:
    world.things = {}
    allowed = {"rm", "CRM", "EN", "Enter", "Esc", "Tab", "J", "K"}
    for path in ("/help", "/search", "/", "/recovery", "/fake/raise/404", "/fake/raise/crash"):
        text = re.sub(
            r"<[^>]*>", " ", re.sub(r"(?s)<head>.*</head>|<code.*?</code>|<footer.*", " ", client.get(path).text)
        )
        words = set(re.findall(r"[A-Za-z]{2,}", text)) - allowed - {"English"}
        assert not words, f"{path}: {words}"


def test_display_choices_are_kept_and_shape_the_page(client: FlaskClient) -> None:
    client.post(
        "/display",
        data={"size": "large", "density": "compact", "side": "no-such"},
        headers={"Referer": "http://localhost/fake/"},
    )
    page = client.get("/fake/").text
    assert 'data-size="large"' in page
    assert '<html lang="zh-CN" data-density="compact"' in page
    assert "no-such" not in page


# -- errors ------------------------------------------------------------------------------------------------------------


def test_403_names_the_permission_and_whom_to_ask(client: FlaskClient) -> None:
    for headers in ({}, HTMX):
        answer = client.get("/fake/raise/denied", headers=headers)
        assert answer.status_code == 403
        assert "Open the secret list" in answer.text
        assert "fake.secret" in answer.text
        assert "secadmin" in answer.text


def test_403_of_what_is_kept_apart_sends_nobody_to_ask(client: FlaskClient, world: Any) -> None:
    world.barred = {"fake.secret"}
    page = client.get("/fake/raise/denied").text
    assert "三员分立" in page
    assert "secadmin" not in page


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503])
def test_each_error_is_a_page_or_a_small_fragment(client: FlaskClient, status: int) -> None:
    page = client.get(f"/fake/raise/{status}")
    fragment = client.get(f"/fake/raise/{status}", headers=HTMX)
    assert page.status_code == fragment.status_code == status
    assert page.text.count("<h1") == 1
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert fragment.headers["HX-Reselect"] == "[data-fault]"
    assert fragment.text.count("data-fault") == 1


def test_busy_answers_say_when_to_come_again(client: FlaskClient) -> None:
    assert client.get("/fake/raise/429").headers["Retry-After"] == "30"
    assert "Retry-After" not in client.get("/fake/raise/404").headers


def test_a_crash_shows_a_number_and_no_detail(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.web.errors._number", lambda: "R-4711")
    for headers in ({}, HTMX):
        answer = client.get("/fake/raise/crash", headers=headers)
        assert answer.status_code == 500
        assert "R-4711" in answer.text
        assert "secret detail" not in answer.text


def test_text_of_an_error_is_escaped(client: FlaskClient) -> None:
    answer = client.get("/fake/raise/422?text=<b>x</b>")
    assert "<b>x</b>" not in answer.text
    assert "&lt;b&gt;x" in answer.text


def test_a_conflict_shows_both_versions(client: FlaskClient) -> None:
    for headers in ({}, HTMX):
        answer = client.get("/fake/raise/conflict", headers=headers)
        assert answer.status_code == 409
        assert re.search(r"<td>.*\bnew\b.*</td><td>.*\bold\b.*</td>", answer.text)
        assert 'scope="row">version' not in answer.text.lower()


def test_errors_are_shown_even_when_the_shell_cannot_be(client: FlaskClient, world: Any) -> None:
    world.broken_registry = True
    answer = client.get("/fake/raise/404")
    assert answer.status_code == 404
    assert "页面不存在" in answer.text
    assert 'class="side"' not in answer.text


# -- notices -----------------------------------------------------------------------------------------------------------


def test_a_notice_goes_by_header_to_htmx_and_by_the_next_page_to_others(client: FlaskClient) -> None:
    notice = client.post("/fake/save", headers=HTMX).headers["HX-Trigger"]
    assert json.loads(notice) == {"ui:toast": {"text": "已保存", "kind": "ok"}}
    assert notice.isascii()
    client.post("/fake/save?away=1", headers=HTMX)
    assert "已保存" in client.get("/fake/").text
    client.post("/fake/save?away=1")
    assert "已保存" in client.get("/fake/").text
    assert "已保存" not in client.get("/fake/").text


# -- panels ------------------------------------------------------------------------------------------------------------


def test_a_panel_shows_its_content_with_source_and_date(client: FlaskClient) -> None:
    answer = client.get("/_panel/fake.ok/A/1", headers=HTMX)
    assert "content of A/1" in answer.text
    assert "core system" in answer.text
    assert "2026-11-22" in answer.text
    assert "<html" not in answer.text
    assert "<html" in client.get("/_panel/fake.ok/A").text


def test_a_failing_panel_names_its_module_and_offers_another_try(client: FlaskClient, world: Any) -> None:
    def fails(_key: str) -> None:
        raise RuntimeError("secret detail")

    world.loads["fake.ok"] = fails
    world.has_plugin("fake", "Fake module")
    answer = client.get("/_panel/fake.ok/1", headers=HTMX)
    assert answer.status_code == 200
    assert "Fake module" in answer.text
    assert "secret detail" not in answer.text
    assert 'hx-get="/_panel/fake.ok/1"' in answer.text


def test_a_panel_with_nothing_to_say_leaves_nothing(client: FlaskClient, world: Any) -> None:
    world.loads["fake.ok"] = lambda key: None
    answer = client.get("/_panel/fake.ok/1", headers=HTMX)
    assert (answer.status_code, answer.data) == (200, b"")


def test_a_panel_needs_its_own_action(client: FlaskClient, world: Any) -> None:
    world.denied = {"fake.see"}
    assert client.get("/_panel/fake.ok/1", headers=HTMX).status_code == 403
    assert "/_panel/fake.ok" not in client.get("/fake/").text
    assert client.get("/_panel/fake.none/1").status_code == 404


def test_a_slot_fetches_each_panel_by_itself(client: FlaskClient) -> None:
    page = client.get("/fake/").text
    assert 'hx-get="/_panel/fake.ok/k1"' in page
    assert 'id="p-fake-ok-h"' in page


# -- search ------------------------------------------------------------------------------------------------------------


def test_search_asks_each_module_by_itself_and_one_that_fails_costs_its_section(
    client: FlaskClient, world: Any
) -> None:
    def fails() -> list[SearchHit]:
        raise TimeoutError

    world.hits = {"fake": lambda: [SearchHit("王<i>", "/fake/1", "Kind", "more")], "slow": fails}
    page = client.get("/search?q=王").text
    assert page.count('hx-get="/search/') == 2
    good = client.get("/search/fake?q=王", headers=HTMX).text
    assert "王&lt;i&gt;" in good
    assert 'href="/fake/1"' in good
    bad = client.get("/search/slow?q=王", headers=HTMX)
    assert bad.status_code == 200
    assert "fault-small" in bad.text
    assert client.get("/search/none?q=x", headers=HTMX).status_code == 404


@pytest.mark.parametrize("answer", [7, "text", [SearchHit("x", "/x", ""), {"title": "y"}]])
def test_what_is_no_list_of_hits_costs_only_its_section(client: FlaskClient, world: Any, answer: Any) -> None:
    world.hits = {"fake": lambda: answer}
    found = client.get("/search/fake?q=x", headers=HTMX)
    assert found.status_code == 200
    assert "fault-small" in found.text


def test_a_hit_can_only_lead_into_this_system(client: FlaskClient, world: Any) -> None:
    world.hits = {
        "fake": lambda: [SearchHit("x", "javascript:alert(1)", ""), SearchHit("y", "https://evil.example/", "")]
    }
    text = client.get("/search/fake?q=x", headers=HTMX).text
    assert "javascript" not in text
    assert "evil" not in text


def test_an_empty_search_asks_nobody(client: FlaskClient, world: Any) -> None:
    world.hits = {"fake": list}
    assert "/search/fake" not in client.get("/search?q=+%00+").text


# -- recovery ----------------------------------------------------------------------------------------------------------


def test_the_recovery_page_works_when_every_plugin_is_broken(client: FlaskClient, world: Any) -> None:
    world.broken_registry = True
    world.has_plugin("fake", "Fake", "broken", "ImportError: nothing", "Traceback …")
    page = client.get("/recovery")
    assert page.status_code == 200
    assert "ImportError: nothing" in page.text
    assert "Traceback …" in page.text


def test_the_recovery_page_shows_why_a_module_was_switched_off(client: FlaskClient, world: Any) -> None:
    world.has_plugin("fake", "Fake", "disabled", changed_why="季度演练")
    world.has_plugin("other", "Other", changed_why="演练结束")
    page = client.get("/recovery").text
    assert "季度演练" in page
    assert "演练结束" not in page
    assert "至少 4 个字" in page


def test_help_promises_nothing_that_is_not_there(client: FlaskClient) -> None:
    assert "须填写原因" not in client.get("/help").text


def test_disabling_from_the_recovery_page_needs_a_reason(client: FlaskClient, world: Any) -> None:
    world.has_plugin("fake", "Fake", "broken")
    world.has_plugin("needed", "Needed")
    assert client.post("/recovery/fake/disable", data={"reason": " x "}).status_code == 422
    assert world.disabled == []
    assert client.post("/recovery/fake/disable", data={"reason": "keeps failing"}).status_code == 302
    assert world.disabled == [("fake", "rm01", "keeps failing")]
    refused = client.post("/recovery/needed/disable", data={"reason": "keeps failing"})
    assert refused.status_code == 422
    assert "still needed" in refused.text
    assert client.post("/recovery/none/disable", data={"reason": "keeps failing"}).status_code == 422


# -- the style guide ---------------------------------------------------------------------------------------------------


def test_the_style_guide_uses_every_macro_that_needs_no_server(shell_app: Flask, client: FlaskClient) -> None:
    page = client.get("/style-guide")
    assert page.status_code == 200
    for piece in (
        "stepper",
        "timeline",
        "drawer",
        "dialog",
        "alert-danger",
        "table",
        "skeleton",
        "stat-value",
        "bars",
        "menu-host",
    ):
        assert piece in page.text
