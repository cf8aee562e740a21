"""What nobody can store is refused in words, on both databases; identifiers stand in no address."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from core.auth import references
from core.auth.models import Draft
from core.db.session import system_session

NUL, HALF, TURNED = "\x00", "\ud800", "\u202e"
WORDS = "是控制字符"


def kept(app: Flask) -> list[Any]:
    with app.app_context(), system_session("test") as session:
        return [json.loads(draft.fields) for draft in session.scalars(select(Draft))]


def test_a_draft_keeps_all_but_what_cannot_be_stored(crm_app: Flask, login_as: Any) -> None:
    client = login_as("rm01")
    typed = {"remark": [f"谈{NUL}了{HALF}理{TURNED}财\n第二行"], f"na{HALF}me": ["李"]}
    sent = client.post("/session/draft", json={"url": "/help", "fields": typed})
    assert (sent.status_code, sent.get_json()) == (200, {"kept": True})
    assert kept(crm_app) == [{"remark": ["谈了理财\n第二行"], "name": ["李"]}]
    assert client.post("/session/draft", json={"url": f"/he{HALF}lp", "fields": typed}).status_code == 400
    form = client.post("/session/draft", data={"url": "/help", "fields": NUL})
    assert form.status_code == 400


@pytest.mark.parametrize(
    "body",
    ['{"url": "/help", "fields": ' + '{"a":' * 100_000 + "1" + "}" * 100_001, "[" * 100_000, '{"url": "/help"}']
    + ['{"url": "/help", "fields": {"a": ' + "[" * depth + "1" + "]" * depth + "}}" for depth in (2, 900)],
    ids=["objects", "lists", "none", "two", "many"],
)
def test_what_is_no_form_is_refused(login_as: Any, crm_app: Flask, body: str) -> None:
    sent = login_as("rm01").post("/session/draft", data=body, content_type="application/json")
    assert sent.status_code == 400
    assert kept(crm_app) == []


def test_sign_in_answers_control_characters_in_words(crm_app: Flask) -> None:
    for field in ("username", "password"):
        sent = {"username": "rm01", "password": "Bridge-2026x"}
        answer = crm_app.test_client().post("/sign-in", data={**sent, field: sent[field] + NUL})
        assert answer.status_code == 422
        assert WORDS in answer.text
        assert "U+0000" in answer.text


@pytest.mark.parametrize("bad", [NUL, TURNED, "\x1c", "\x85", "\t", "\u2066"])
def test_a_form_comes_back_with_what_was_typed(login_as: Any, bad: str) -> None:
    client = login_as("e2e_sys", "system.modules.view", "system.modules.switch")
    reason = f"换版本演练{bad}第二次"
    answer = client.post("/system/modules/customers/switch", data={"to": "disable", "reason": reason})
    assert answer.status_code == 422
    assert f"第 6 个字符（U+{ord(bad):04X}）{WORDS}" in answer.text
    assert reason in answer.text, "nothing is lost"


def test_a_reason_on_the_recovery_page_is_held_to_the_same(login_as: Any) -> None:
    client = login_as("e2e_sys", "core.recovery")
    answer = client.post("/recovery/customers/disable", data={"reason": f"停用{NUL}模块"})
    assert answer.status_code == 422
    assert f"第 3 个字符（U+0000）{WORDS}" in answer.text


@pytest.mark.parametrize(
    ("reason", "told"),
    [("客户 139 1234 5678 投诉", "139…78"), ("长" * 201, "200 个字"), ("停用", "4")],
)
def test_reasons_for_switching_are_of_proper_length_and_name_nobody(
    login_as: Any, crm_app: Flask, reason: str, told: str
) -> None:
    client = login_as("e2e_sys", "core.recovery", "system.modules.view", "system.modules.switch")
    recovery = client.post("/recovery/customers/disable", data={"reason": reason})
    module = client.post("/system/modules/customers/switch", data={"to": "disable", "reason": reason})
    for answer in (recovery, module):
        assert answer.status_code == 422
        assert told in answer.text
    assert "customers" in crm_app.extensions["crm"].snapshot().enabled


def test_addresses_with_control_characters_are_refused(login_as: Any) -> None:
    client = login_as("rm01", "customers.party.view")
    assert client.get("/customers/?entity=%00").status_code == 400
    assert "控制字符" in client.get("/customers/?entity=%00").text
    assert client.get("/customers/?a%00b=1").status_code == 400
    assert client.get("/customers/P%00").status_code == 404
    assert client.get("/customers/?q=%00%E2%80%AEabc").status_code == 200
    assert client.get("/search/customers?q=%00", headers={"HX-Request": "true"}).status_code == 200


# -- identifiers -------------------------------------------------------------------------------------------------------

NUMBERS = ["11010519491231002X", "138 0013 8000", "6222-0212-3456-7890", "91440300MA5EYUX19K", "１３８００１３８０００"]


def query(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address).query)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_search_form_leads_to_an_address_that_tells_nothing(login_as: Any, number: str) -> None:
    client = login_as("rm01", "customers.party.view")
    sent = client.post("/search", data={"q": number, "kind": "P", "org": "", "page": "/customers/"})
    address = sent.headers["Location"]
    assert sent.status_code == 303
    assert address.startswith("/customers/?")
    assert query(address)["kind"] == ["P"]
    assert "org" not in query(address)
    assert re.search(r"\d{5}", re.sub(r"q=[^&]*", "", address)) is None
    assert query(address)["q"][0].startswith("~")
    page = client.get(address)
    assert page.status_code == 200
    assert number in page.text, "what was searched for stands in the box"
    hrefs = re.findall(r'(?:href|hx-get|action)="([^"]*)"', page.text)
    assert hrefs
    assert not any(number in href or number.replace(" ", "+") in href for href in hrefs)


def test_a_harmless_search_stands_in_the_address(login_as: Any) -> None:
    answer = login_as("rm01").post("/search", data={"q": "赵 云"})
    assert query(answer.headers["Location"]) == {"q": ["赵 云"]}
    assert urlsplit(answer.headers["Location"]).path == "/search"


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_a_search_form_leads_nowhere_else(login_as: Any, page: str) -> None:
    answer = login_as("rm01").post("/search", data={"q": "x", "page": page})
    assert answer.headers["Location"] == "/search?q=x"


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("path", ["/search", "/search/customers", "/customers/"])
def test_a_typed_address_works_and_is_left_at_once(login_as: Any, number: str, path: str) -> None:
    client = login_as("rm01", "customers.party.view")
    first = client.get(path, query_string={"q": number, "kind": "P"})
    assert first.status_code == 303
    assert query(first.headers["Location"])["kind"] == ["P"]
    assert query(first.headers["Location"])["q"][0].startswith("~")
    assert number in client.get(first.headers["Location"]).text


def test_a_reference_is_of_one_session(login_as: Any, crm_app: Flask) -> None:
    client = login_as("rm01", "customers.party.view")
    address = client.post("/search", data={"q": NUMBERS[0], "page": "/customers/"}).headers["Location"]
    other = login_as("rm02", "customers.party.view").get(address)
    assert other.status_code == 200
    assert NUMBERS[0] not in other.text
    assert "请重新输入" in other.text
    again = login_as("rm01", "customers.party.view").get(address)
    assert NUMBERS[0] not in again.text


@pytest.mark.parametrize("value", ["~", "~x", "~1.AAAA", "~9.AAAA", "~1.__--", "~" + "A" * 300, "~\u00e9"])
def test_a_made_up_reference_is_no_fault(login_as: Any, value: str) -> None:
    answer = login_as("rm01").get("/search", query_string={"q": value})
    assert answer.status_code == 200
    assert "请重新输入" in answer.text


def test_what_is_typed_like_a_reference_can_be_searched_for(login_as: Any) -> None:
    client = login_as("rm01")
    page = client.get(client.post("/search", data={"q": "~abc"}).headers["Location"])
    assert 'value="~abc"' in page.text


@pytest.mark.parametrize("number", NUMBERS)
def test_the_way_to_the_sign_in_page_carries_no_identifier(crm_app: Flask, number: str) -> None:
    client = crm_app.test_client()
    answer = client.get("/customers/", query_string={"q": number, "kind": "P"})
    assert answer.headers["Location"] == "/sign-in?next=/customers/%3Fkind%3DP"
    htmx = {"HX-Request": "true", "HX-Current-URL": f"http://localhost/customers/?q={number.replace(' ', '+')}"}
    assert client.get("/search", headers=htmx).headers["HX-Redirect"] == "/sign-in?next=/customers/"
    typed = client.get("/sign-in", query_string={"next": f"/customers/?q={number}&kind=P"})
    assert (typed.status_code, query(typed.headers["Location"])) == (303, {"next": ["/customers/?kind=P"]})


def test_no_other_parameter_carries_one_on(login_as: Any, crm_app: Flask) -> None:
    asked = {"entity": "13912345678", "kind": "P", "from": "2026-11-23", "org": "0101"}
    way = crm_app.test_client().get("/customers/", query_string=asked).headers["Location"]
    assert query(way) == {"next": ["/customers/?kind=P&from=2026-11-23&org=0101"]}
    client = login_as("rm01", "customers.party.view")
    client.get("/customers/", query_string=asked)
    tabs = re.findall(r'href="(/customers/\?[^"]*)"', client.get("/help").text)
    assert tabs
    assert not any("13912345678" in tab for tab in tabs)


def test_a_reference_does_not_outlive_its_session_in_next(login_as: Any, crm_app: Flask) -> None:
    client = login_as("rm01", "customers.party.view")
    address = client.post("/search", data={"q": NUMBERS[0], "page": "/customers/"}).headers["Location"]
    login_as("rm01")
    assert client.get(address).headers["Location"] == "/sign-in?next=/customers/"


def test_no_page_is_told_where_one_came_from(login_as: Any) -> None:
    assert login_as("rm01").get("/help").headers["Referrer-Policy"] in {"same-origin", "no-referrer"}


def test_a_number_this_system_gave_out_is_nobodys_identifier() -> None:
    assert not references.tells("P0000000041")
    for other in ("P00000000411", "PA0000000041", "0000000041", "x P0000000041"):
        assert references.tells(other), other
