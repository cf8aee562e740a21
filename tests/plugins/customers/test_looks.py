"""Who looked at which customer: complete, not flooded, and tries that led nowhere are there too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

VIEW, EDIT, ACCOUNTS = "customers.party.view", "customers.party.edit", "customers.account.view"
HTMX = {"HX-Request": "true"}
MINE, FAR = "P0000000001", "P0000000041"


@pytest.fixture
def kept(crm_app: Any) -> Callable[[], list[tuple[str, str, str]]]:
    """Every entry about a customer as ``(action, key, outcome)``."""
    from core.db.session import system_session
    from core.monitoring.models import AuditEntry

    def look() -> list[tuple[str, str, str]]:
        with crm_app.app_context(), system_session("test looks") as session:
            about = select(AuditEntry).where(AuditEntry.subject == "customers.party").order_by(AuditEntry.id)
            return [(e.action, e.key or "", (e.detail or {}).get("outcome", "")) for e in session.scalars(about)]

    return look


def test_a_page_with_all_its_panels_is_one_entry_a_permission(clerk: Any, kept: Any) -> None:
    for _ in range(2):
        clerk.get(f"/customers/{MINE}")
        clerk.get(f"/customers/{MINE}/figures", headers=HTMX)
        for panel in ("basic", "accounts", "transactions", "loans", "cards", "standing_orders"):
            clerk.get(f"/_panel/customers.{panel}/{MINE}", headers=HTMX)
        clerk.get(f"/customers/{MINE}/transactions")
        clerk.get(f"/customers/{MINE}/why")
        clerk.get(f"/customers/{MINE}/edit")
    assert kept() == [(f"look.{action}", MINE, "") for action in (VIEW, ACCOUNTS, EDIT)]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        (f"/customers/{MINE}", VIEW),
        (f"/customers/{MINE}/figures", ACCOUNTS),
        (f"/customers/{MINE}/transactions", ACCOUNTS),
        (f"/customers/{MINE}/why", VIEW),
        (f"/customers/{MINE}/edit", EDIT),
        (f"/_panel/customers.basic/{MINE}", VIEW),
        (f"/_panel/customers.accounts/{MINE}", ACCOUNTS),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_each_way_to_see_a_customer_leaves_an_entry(path: str, action: str, clerk: Any, kept: Any) -> None:
    assert clerk.get(path, headers=HTMX).status_code == 200
    assert kept() == [(f"look.{action}", MINE, "")]


def test_after_a_while_looking_again_is_a_new_entry(clerk: Any, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from core.monitoring import audit
    from core.sdk.models import now

    clerk.get(f"/customers/{MINE}")
    monkeypatch.setattr(audit, "now", lambda: now() + timedelta(minutes=16))
    clerk.get(f"/customers/{MINE}")
    assert len(kept()) == 2


def test_two_people_are_two_entries(clerk: Any, chief: Any, kept: Any) -> None:
    clerk.get(f"/customers/{MINE}")
    chief.get(f"/customers/{MINE}")
    assert kept() == [(f"look.{VIEW}", MINE, "")] * 2


@pytest.mark.parametrize("key", [FAR, "P0000009999"])
def test_a_try_for_what_is_out_of_reach_leaves_one_each_time(key: str, clerk: Any, kept: Any) -> None:
    for part in ("", "/transactions", "/edit", "/why", "/figures", ""):
        assert clerk.get(f"/customers/{key}{part}").status_code == 404
    actions = (VIEW, ACCOUNTS, EDIT, VIEW, ACCOUNTS, VIEW)
    assert kept() == [(f"refused.{action}", key, "out of reach") for action in actions]


def test_a_panel_that_shows_nothing_leaves_one(clerk: Any, kept: Any) -> None:
    for _ in range(2):
        assert clerk.get(f"/_panel/customers.accounts/{FAR}", headers=HTMX).text.strip() == ""
    assert kept() == [(f"refused.{ACCOUNTS}", FAR, "nothing shown")]


def test_a_try_without_the_permission_leaves_one(orgs: dict[str, int], login_as: Callable[..., Any], kept: Any) -> None:
    viewer = login_as("viewer", VIEW)
    assert viewer.get(f"/customers/{MINE}/transactions").status_code == 403
    assert viewer.get(f"/_panel/customers.accounts/{MINE}", headers=HTMX).status_code == 403
    assert kept() == [(f"refused.{ACCOUNTS}", MINE, "no permission")] * 2


def test_what_is_tried_as_a_number_is_not_kept(clerk: Any, kept: Any) -> None:
    clerk.get("/customers/11010519491231002X")
    assert kept() == [(f"refused.{VIEW}", "[removed]", "out of reach")]


def test_strangers_leave_none(crm_app: Any, orgs: dict[str, int], kept: Any) -> None:
    crm_app.test_client().get(f"/customers/{MINE}")
    assert kept() == []
