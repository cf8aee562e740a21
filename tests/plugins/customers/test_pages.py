"""The pages of customers through the application: what is shown, to whom, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup
from sqlalchemy import select

from core.contract import PanelContent
from core.monitoring.models import AuditEntry

VIEW, EDIT, ACCOUNTS = "customers.party.view", "customers.party.edit", "customers.account.view"


def entries(app: Any, action: str) -> list[AuditEntry]:
    from core.db.session import system_session

    with app.app_context(), system_session("test looks") as session:
        found = list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))
        session.expunge_all()
        return found


def numbers(html: str) -> list[str]:
    return re.findall(r"<td[^>]*>(P\d{10})</td>", html)


def test_a_clerk_sees_the_own_branch_and_the_chief_everybody(clerk: Any, chief: Any) -> None:
    mine, all_ = clerk.get("/customers/").text, chief.get("/customers/").text
    assert "40" in re.search(r"共.*?条", mine).group()  # type: ignore[union-attr]
    assert "43" in re.search(r"共.*?条", all_).group()  # type: ignore[union-attr]
    assert clerk.get("/customers/?q=赵云").text.count("P0000000041") == 0
    assert "P0000000041" in chief.get("/customers/?q=zy").text


def test_every_page_of_the_list_together_shows_each_customer_once(clerk: Any) -> None:
    seen: list[str] = []
    url = "/customers/?sort=name"
    while url:
        html = clerk.get(url).text
        seen += numbers(html)
        following = re.search(r'<a href="([^"]+)" aria-label="下一页"', html)
        url = following.group(1).replace("&amp;", "&") if following else ""
    assert len(seen) == len(set(seen)) == 40


@pytest.mark.parametrize("sort", ["number", "-number", "opened", "-opened", "-name"])
def test_the_list_sorts(chief: Any, sort: str) -> None:
    found = numbers(chief.get(f"/customers/?sort={sort}&size=50").text)
    assert len(found) == 43
    if "number" in sort:
        assert found == sorted(found, reverse=sort.startswith("-"))


def test_filters_narrow_and_can_be_taken_off(chief: Any, orgs: dict[str, int]) -> None:
    html = chief.get(f"/customers/?kind=C&org={orgs['T02']}").text
    assert numbers(html) == ["P0000000042"]
    assert "类型：对公客户" in html
    assert f'href="/customers/?org={orgs["T02"]}"' in html
    assert numbers(chief.get("/customers/?kind=X&org=abc&entity=").text) != []


def test_names_and_numbers_are_masked_and_organisations_are_not(chief: Any) -> None:
    html = chief.get("/customers/?size=50").text
    assert "赵*" in html
    assert "赵云" not in html
    assert "云溪商贸有限公司" in html
    assert "139****5678" in html
    assert "13912345678" not in html
    page = chief.get("/customers/P0000000041").text
    for secret in ("赵云", "11010519491231002X", "13912345678", "建国路"):
        assert secret not in page
    assert "110***********002X" in page


def test_a_customer_without_a_name_is_shown_as_missing(chief: Any) -> None:
    assert "缺数" in chief.get("/customers/P0000000043").text


def test_out_of_reach_and_not_there_look_the_same(clerk: Any) -> None:
    there, nowhere = clerk.get("/customers/P0000000041"), clerk.get("/customers/P0000009999")
    assert there.status_code == nowhere.status_code == 404
    for part in ("", "/transactions", "/edit", "/why", "/figures"):
        assert clerk.get(f"/customers/P0000000041{part}").status_code == 404
    for panel in ("basic", "accounts", "transactions", "loans", "cards", "standing_orders"):
        assert clerk.get(f"/_panel/customers.{panel}/P0000000041", headers={"HX-Request": "true"}).text.strip() == ""


def test_each_page_needs_its_permission(orgs: dict[str, int], login_as: Callable[..., Any]) -> None:
    viewer = login_as("viewer", VIEW)
    assert viewer.get("/customers/P0000000001").status_code == 200
    assert viewer.get("/customers/P0000000001/transactions").status_code == 403
    assert viewer.get("/customers/P0000000001/edit").status_code == 403
    assert "交易流水" not in viewer.get("/customers/P0000000001").text
    nobody = login_as("nobody")
    assert nobody.get("/customers/").status_code == 403


def test_the_search_box_finds_in_scope_and_masked(clerk: Any, chief: Any) -> None:
    assert "赵*" in chief.get("/search/customers?q=zhaoyun", headers={"HX-Request": "true"}).text
    assert "赵" not in clerk.get("/search/customers?q=zhaoyun", headers={"HX-Request": "true"}).text.replace(
        "zhaoyun", ""
    )


def test_looking_somebody_up_is_recorded_without_the_number(crm_app: Any, chief: Any) -> None:
    chief.get("/customers/?q=张")
    assert entries(crm_app, "customers.party.lookup") == entries(crm_app, "customers.party.lookup_last_four") == []
    chief.get("/customers/?q=5678")
    chief.get("/customers/?q=13912345678", follow_redirects=True)
    (tail,) = entries(crm_app, "customers.party.lookup_last_four")
    (whole,) = entries(crm_app, "customers.party.lookup")
    assert not any("5678" in str(vars(entry)) for entry in (tail, whole))


def test_only_so_many_searches_by_the_last_four_an_hour(crm_app: Any, chief: Any, clerk: Any) -> None:
    from core import parameters
    from core.db.session import system_session

    with crm_app.app_context(), system_session("test sets") as session:
        parameters.set(session, "customers.last_four_per_hour", 5, "tests")
        session.commit()
    assert [chief.get(f"/customers/?q=567{i}").status_code for i in range(5)] == [200] * 5
    refused = chief.get("/customers/?q=5678")
    assert refused.status_code == 429
    assert "后四位查询已达上限 5 次" in refused.text
    assert "P00000" not in refused.text
    box = chief.get("/search/customers?q=5678", headers={"HX-Request": "true"}).text
    assert "后四位查询已达上限" in box
    assert "139****5678" not in box
    assert [entry.detail for entry in entries(crm_app, "customers.party.lookup_refused")] == [
        {"outcome": "too many", "limit": 5}
    ] * 2
    assert chief.get("/customers/?q=zhaoyun").status_code == 200, "names are not limited"
    assert clerk.get("/customers/?q=5678").status_code == 200, "each has a limit of their own"


def allow(app: Any, **limits: int) -> None:
    from core import parameters
    from core.db.session import system_session

    with app.app_context(), system_session("test sets") as session:
        for name, limit in limits.items():
            parameters.set(session, f"customers.{name}", limit, "tests")
        session.commit()


def looked_up(client: Any, number: str) -> Any:
    return client.get("/customers/", query_string={"q": number}, follow_redirects=True)


def test_a_masked_number_cannot_be_completed_by_guessing(crm_app: Any, clerk: Any, chief: Any) -> None:
    allow(crm_app, number_misses_per_hour=5)
    assert [looked_up(chief, f"139{middle}5678").status_code for middle in range(1230, 1235)] == [200] * 5
    assert looked_up(chief, "11010519491230002X").status_code == 200, "the fifth phone was right, and no miss"
    assert [looked_up(chief, f"1101051949123{i}002X").status_code for i in (2, 3)] == [429] * 2
    refused = looked_up(chief, "13912345678")
    assert refused.status_code == 429
    assert "未查到客户的最多 5 次" in refused.text
    assert "P00000" not in refused.text
    asked = chief.post("/search", data={"q": "13912345678"}).headers["Location"].partition("?")[2]
    box = chief.get(f"/search/customers?{asked}", headers={"HX-Request": "true"}).text
    assert "您已达上限" in box
    assert "139****5678" not in box
    assert looked_up(chief, "P0000000001").status_code == 200, "our own numbers are not limited"
    assert looked_up(clerk, "13912345678").status_code == 200, "each has a limit of their own"
    told = [entry.detail for entry in entries(crm_app, "customers.party.lookup_refused")]
    assert told == [{"outcome": "too many", "limit": 5}] * 4


def test_only_so_many_searches_by_a_whole_number_an_hour(crm_app: Any, chief: Any) -> None:
    allow(crm_app, number_per_hour=10)
    assert [looked_up(chief, "13912345678").status_code for _ in range(11)] == [200] * 10 + [429]


def test_the_entry_of_a_lookup_says_whom_it_found(crm_app: Any, clerk: Any, chief: Any) -> None:
    for client in (chief, clerk):
        looked_up(client, "13912345678")
        looked_up(client, "5678")
    (hit,), (missed,) = (entries(crm_app, f"customers.party.{action}") for action in ("lookup", "lookup_missed"))
    tails = entries(crm_app, "customers.party.lookup_last_four")
    found = {"outcome": "hit", "parties": ["P0000000041", "P0000000042", "P0000000043"]}
    nobody = {"outcome": "miss", "parties": []}
    assert [entry.detail for entry in (hit, missed, *tails)] == [found, nobody, found, nobody]
    assert not any("5678" in str(vars(entry)) for entry in (hit, missed, *tails))


def test_only_fields_of_the_record_can_be_kept(crm_app: Any, clerk: Any) -> None:
    crm_app.config["WTF_CSRF_ENABLED"] = True
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', clerk.get("/customers/P0000000001/edit").text)
    assert token
    sent = {"short_name": "老王", "version": "1", "csrf_token": token[1], "keep.csrf_token": "theirs"}
    assert clerk.post("/customers/P0000000001/edit", data=sent).status_code == 400
    assert "老王" not in clerk.get("/customers/P0000000001").text


def version_of(html: str) -> str:
    return re.search(r'name="version"[^>]*value="(\d+)"', html).group(1)  # type: ignore[union-attr]


def test_saving_counts_up_is_found_and_recorded(crm_app: Any, clerk: Any) -> None:
    version = version_of(clerk.get("/customers/P0000000001/edit").text)
    answer = clerk.post(
        "/customers/P0000000001/edit", data={"short_name": "老王", "remark": "周三来访", "version": version}
    )
    assert (answer.status_code, answer.location) == (302, "/customers/P0000000001")
    assert "老王" in clerk.get("/customers/P0000000001").text
    assert numbers(clerk.get("/customers/?q=laowang").text) == ["P0000000001"]
    (entry,) = entries(crm_app, "customers.party.edit")
    assert entry.detail["short_name"] == {"before": None, "after": "老王"}
    assert version_of(clerk.get("/customers/P0000000001/edit").text) == str(int(version) + 1)


def test_the_second_to_save_sees_both_versions(clerk: Any, chief: Any) -> None:
    version = version_of(clerk.get("/customers/P0000000001/edit").text)
    chief.post("/customers/P0000000001/edit", data={"short_name": "先到", "version": version})
    answer = clerk.post("/customers/P0000000001/edit", data={"short_name": "后到", "version": version})
    assert answer.status_code == 409
    assert "先到" in answer.text
    assert "后到" in answer.text
    assert "先到" in clerk.get("/customers/P0000000001").text


def test_after_the_choice_it_is_saved_against_the_new_version(clerk: Any, chief: Any) -> None:
    url = "/customers/P0000000001/edit"
    version = version_of(clerk.get(url).text)
    chief.post(url, data={"short_name": "先到", "remark": "先记", "version": version})
    page = clerk.post(url, data={"short_name": "后到", "remark": "后记", "version": version}).text
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert (sent["short_name"], sent["remark"], sent["version"]) == ("后到", "后记", str(int(version) + 1))
    assert re.findall(r'name="(keep\.\w+)" value="(\w+)" required', page) == [
        (f"keep.{name}", whose) for name in ("short_name", "remark") for whose in ("mine", "theirs")
    ]
    chosen = clerk.post(url, data={**sent, "keep.short_name": "theirs", "keep.remark": "mine"})
    assert chosen.status_code == 302
    page = clerk.get("/customers/P0000000001").text + clerk.get("/_panel/customers.basic/P0000000001").text
    assert "先到" in page
    assert "后记" in page
    assert "后到" not in page


def test_a_save_while_one_chooses_is_a_conflict_again(clerk: Any, chief: Any) -> None:
    url = "/customers/P0000000001/edit"
    for name, version in (("甲", "1"), ("乙", "2")):
        assert chief.post(url, data={"short_name": name, "version": version}).status_code == 302
    answer = clerk.post(url, data={"short_name": "丙", "version": "2", "keep.short_name": "mine"})
    assert answer.status_code == 409
    assert 'name="version" value="3"' in answer.text
    assert answer.text.count('name="keep.short_name"') == 2


@pytest.mark.parametrize(
    "typed",
    [
        "身份证11010519491231002X",
        "电话１３９１２３４５６７８",
        "139 1234 5678",
        "卡6222 0202 0000 1234 567",
        "020000123456",
    ],
)
def test_numbers_are_refused_where_everyone_would_see_them(typed: str, crm_app: Any, clerk: Any) -> None:
    data = {"short_name": "老王", "remark": f"周三来访，{typed}，请回电", "version": "1"}
    answer = clerk.post("/customers/P0000000001/edit", data=data)
    assert answer.status_code == 422
    assert "不脱敏" in answer.text
    assert data["remark"] in answer.text, "nothing that was typed is lost"
    assert clerk.post("/customers/P0000000001/edit", data={"short_name": typed, "version": "1"}).status_code == 422
    assert entries(crm_app, "customers.party.edit") == []


def test_ordinary_text_is_not_refused(clerk: Any) -> None:
    text = "2026-11-23 至 2026-12-01 来电 0571-88886666，谈 3,500,000.00 元，房间 1204，客户号 P0000000001"
    data = {"short_name": "老王", "remark": text, "version": "1"}
    assert clerk.post("/customers/P0000000001/edit", data=data).status_code == 302


def test_days_the_wrong_way_round_are_marked_and_nothing_is_asked(chief: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from plugins.customers.services import facts

    asked: list[Any] = []
    monkeypatch.setattr(facts, "transactions", lambda *a, **kw: asked.append(a))
    page = chief.get("/customers/P0000000041/transactions?start=2026-11-20&end=2026-11-01").text
    assert re.search(r'id="end"[^>]*value="2026-11-01"[^>]*aria-invalid="true"', page)
    assert re.search(r'<span class="field-error" id="end-e"[^>]*>截止日期早于起始日期。</span>', page)
    page = chief.get("/customers/P0000000041/transactions?start=2026-13-01").text
    assert re.search(r'id="start-e"[^>]*>日期不正确', page)
    assert asked == []


@pytest.mark.parametrize(
    ("code", "chinese", "english"),
    [("CHN", "中国", "China"), ("hkg", "中国香港特别行政区", "Hong Kong SAR China"), ("156", "中国", "China"),
     ("US", "美国", "United States"), ("塞拉利昂", "塞拉利昂", "塞拉利昂"), ("QQQ", "QQQ", "QQQ")],
)  # fmt: skip
def test_countries_are_shown_by_name(code: str, chinese: str, english: str) -> None:
    from flask_babel import force_locale

    from core.app import create_app  # noqa: F401 - babel is set up by any app
    from plugins.customers.views.countries import country

    def said(language: str) -> str | None:
        from flask import Flask
        from flask_babel import Babel

        app = Flask("t")
        Babel(app)
        with app.test_request_context(), force_locale(language):
            return country(code)

    assert (said("zh_CN"), said("en")) == (chinese, english)


def test_the_source_is_shown_by_its_title(crm_app: Any, chief: Any) -> None:
    from core.db.session import system_session
    from core.sdk.models import now
    from core.warehouse.models import Load, Partition

    assert "（corebank）" in chief.get("/_panel/customers.basic/P0000000041").text, "as long as nothing is published"
    day = date(2026, 11, 22)
    with crm_app.app_context(), system_session("test data") as session:
        load = Load(
            source="corebank", table_name="loan", feed="customers.loan", business_date=day, state="published",
            file="x", size=0, modified=0, started_at=now(),
        )  # fmt: skip
        session.add(load)
        session.flush()
        session.add(Partition(
            feed="customers.loan", source="corebank", table_name="loan", legal_entity="JQ", system="新一代核心系统",
            business_date=day, path="x", sha256="0" * 64, rows=0, load_id=load.id, published_at=now(),
        ))  # fmt: skip
        session.commit()
    page = chief.get("/_panel/customers.basic/P0000000041").text
    assert "D1（新一代核心系统）" in page
    assert "corebank" not in page


def test_what_is_too_long_comes_back_with_the_reason(clerk: Any) -> None:
    answer = clerk.post("/customers/P0000000001/edit", data={"short_name": "长" * 41, "version": "1"})
    assert answer.status_code == 422
    assert "长" * 41 in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert clerk.post("/customers/P0000000001/edit", data={"short_name": "<b>", "version": "1"}).status_code == 422


def test_why_names_the_role(clerk: Any) -> None:
    html = clerk.get("/customers/P0000000001/why").text
    assert "Role of a test" in html
    assert VIEW not in html


def test_nothing_published_is_missing_and_not_nought(chief: Any) -> None:
    html = chief.get("/customers/P0000000041/figures", headers={"HX-Request": "true"}).text
    assert "缺数" in html
    panel = chief.get("/_panel/customers.accounts/P0000000041", headers={"HX-Request": "true"}).text
    assert "缺数" in panel
    assert "0.00" not in html + panel


def test_pages_close_with_the_module(chief: Any, with_plugin_disabled: Any) -> None:
    with with_plugin_disabled("customers"):
        assert chief.get("/customers/").status_code == 404
        assert "/customers/" not in chief.get("/").text
    assert chief.get("/customers/").status_code == 200


def test_every_word_is_translated() -> None:
    from babel.messages.pofile import read_po

    from plugins.customers.services import codes

    folder = Path(codes.__file__).parents[1] / "translations/zh_CN/LC_MESSAGES"
    with (folder / "customers.po").open("rb") as handle:
        known = {
            message.id if isinstance(message.id, str) else message.id[0]: message.string for message in read_po(handle)
        }
    for table in codes.TABLES:
        for label in (table.label, *table.items.values()):
            assert known.get(label), label


@pytest.mark.parametrize("query", ["-", "，", "()", "%", "\u00b7"])
def test_a_search_for_nothing_but_signs_finds_nobody(query: str, clerk: Any) -> None:
    answer = clerk.get("/customers/", query_string={"q": query})
    assert answer.status_code == 200
    assert "/customers/P" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("query", ["\x00", "\U0010ffff"])
def test_what_nobody_can_type_is_no_question(query: str, clerk: Any) -> None:
    answer = clerk.get("/customers/", query_string={"q": query})
    assert answer.status_code == 200
    assert "40" in re.search(r"共.*?条", answer.text).group()  # type: ignore[union-attr]


def test_what_was_searched_for_is_kept_nowhere(clerk: Any, crm_app: Any) -> None:
    from core.auth.models import UserSession
    from core.db.session import system_session

    number = "11010519491231002X"
    clerk.get("/customers/", query_string={"q": number, "kind": "P"}, follow_redirects=True)
    clerk.get("/search", query_string={"q": number}, follow_redirects=True)
    assert number not in clerk.get("/help").get_data(as_text=True)
    with crm_app.app_context(), system_session("test") as session:
        kept = [str(tabs) for tabs in session.scalars(select(UserSession.tabs))]
    assert any("kind=P" in tabs for tabs in kept)
    assert not any(number in tabs for tabs in kept)


@pytest.mark.parametrize("version", ["²", "", "x", "9" * 5_000])
def test_a_version_that_is_no_number_is_a_conflict_not_a_fault(version: str, chief: Any) -> None:
    listing = chief.get("/customers/").get_data(as_text=True)
    found = re.search(r'href="(/customers/P\d+)"', listing)
    assert found
    page = chief.get(f"{found[1]}/edit").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    values = {"csrf_token": token[1] if token else "", "version": version, "short_name": "简称", "remark": ""}
    assert chief.post(f"{found[1]}/edit", data=values).status_code in (409, 422)


def test_what_was_typed_while_the_module_went_off_stands_in_the_form_again(
    clerk: Any, with_plugin_disabled: Any
) -> None:
    page = "/customers/P0000000001/edit"
    typed = {"short_name": "老王", "remark": "周五再谈", "version": "1"}
    with with_plugin_disabled("customers"):
        assert "您填写的内容已保留" in clerk.post(page, data=typed, headers={"Referer": f"http://localhost{page}"}).text
    html = clerk.get(page).text
    assert "老王" in html
    assert "周五再谈" in html


def test_a_source_a_module_names_is_shown_in_its_words(clerk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    named = PanelContent({}, "Customer list")
    monkeypatch.setattr("core.web.panels._fill", lambda panel, key: (named, Markup("")))
    answer = clerk.get("/_panel/customers.basic/P0000000001", headers={"HX-Request": "true"})
    assert "来源：客户列表" in answer.text
