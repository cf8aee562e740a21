"""The pages of customers through the application: what is shown, to whom, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.monitoring.models import AuditEntry

VIEW, EDIT, ACCOUNTS = "customers.party.view", "customers.party.edit", "customers.account.view"


def row(source_cust_id: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "kind": "P", "name": "张国强", "org_code": "T01", "cert_type": "ID", "cert_no": "11010519491231002X",
        "mobile": "13912345678", "gender": "2", "open_date": date(2012, 5, 18), "status": "ACTIVE",
        "address": "北京市朝阳区建国路1号", "email": "zgq@example.cn",
    }  # fmt: skip
    return {**plain, "source_cust_id": source_cust_id, **changes}


class Delivered:
    """A publication as the warehouse hands it to a feed."""

    source, legal_entity, business_date = "corebank", "JQ", date(2026, 11, 22)

    def __init__(self, session: Any, rows: list[dict[str, Any]]) -> None:
        self.session, self._rows = session, rows

    def rows(self) -> Any:
        yield from self._rows


@pytest.fixture
def orgs(crm_app: Any) -> dict[str, int]:
    """Two branches of the test's own, and forty customers in the first, two in the second, one nowhere."""
    from core.db.session import system_session
    from core.orgs.models import Organisation
    from plugins.customers.services.intake import take_in

    with crm_app.app_context(), system_session("test data") as session:
        ids: dict[str, int] = {}
        for code, parent in (("T00", None), ("T01", "T00"), ("T02", "T00")):
            organisation = Organisation(
                code=code, name=f"机构{code}", level="HEAD" if parent is None else "BRANCH", path="/",
                parent_id=ids.get(parent or ""), valid_from=date(2000, 1, 1),
            )  # fmt: skip
            session.add(organisation)
            session.flush()
            above = f"/{ids['T00']}" if parent else ""
            organisation.path, ids[code] = f"{above}/{organisation.id}/", organisation.id
        crowd = [
            row(f"C{i}", name=f"王{'一二三四五六七八九十'[i % 10]}{'甲乙丙丁'[i // 10]}", mobile=None)
            for i in range(40)
        ]
        far = [row("D1", org_code="T02", name="赵云"), row("D2", org_code="T02", kind="C", name="云溪商贸有限公司")]
        take_in(Delivered(session, [*crowd, *far, row("E1", org_code=None, name=None, cert_no=None)]))
        session.commit()
    return ids


@pytest.fixture
def clerk(orgs: dict[str, int], login_as: Callable[..., Any]) -> Any:
    return login_as("clerk", VIEW, ACCOUNTS, EDIT, scope="branch", org_id=orgs["T01"])


@pytest.fixture
def chief(orgs: dict[str, int], login_as: Callable[..., Any]) -> Any:
    return login_as("chief", VIEW, ACCOUNTS, EDIT)


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


def test_looking_is_recorded(crm_app: Any, chief: Any) -> None:
    chief.get("/customers/P0000000041")
    assert [entry.key for entry in entries(crm_app, "customers.party.view")] == ["P0000000041"]
    chief.get("/customers/?q=张")
    assert entries(crm_app, "customers.party.lookup") == []
    chief.get("/customers/?q=5678")
    (entry,) = entries(crm_app, "customers.party.lookup")
    assert entry.detail == {"by": "last four", "found": 3}
    assert "5678" not in str(entry.detail)


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


@pytest.mark.parametrize("query", ["-", "，", "()", "%", "\u00b7", "\x00", "\U0010ffff"])
def test_a_search_for_nothing_but_signs_finds_nobody(query: str, clerk: Any) -> None:
    answer = clerk.get("/customers/", query_string={"q": query})
    assert answer.status_code == 200
    assert "/customers/P" not in answer.get_data(as_text=True)


def test_what_was_searched_for_is_kept_nowhere(clerk: Any, crm_app: Any) -> None:
    from core.auth.models import UserSession
    from core.db.session import system_session

    number = "11010519491231002X"
    clerk.get("/customers/", query_string={"q": number, "kind": "P"})
    clerk.get("/search", query_string={"q": number})
    assert number not in clerk.get("/help").get_data(as_text=True)
    with crm_app.app_context(), system_session("test") as session:
        kept = [str(tabs) for tabs in session.scalars(select(UserSession.tabs))]
    assert any("kind=P" in tabs for tabs in kept)
    assert not any(number in tabs for tabs in kept)


@pytest.mark.parametrize("version", ["²", "", "x"])
def test_a_version_that_is_no_number_is_a_conflict_not_a_fault(version: str, chief: Any) -> None:
    listing = chief.get("/customers/").get_data(as_text=True)
    found = re.search(r'href="(/customers/P\d+)"', listing)
    assert found
    page = chief.get(f"{found[1]}/edit").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    values = {"csrf_token": token[1] if token else "", "version": version, "short_name": "简称", "remark": ""}
    assert chief.post(f"{found[1]}/edit", data=values).status_code in (409, 422)
