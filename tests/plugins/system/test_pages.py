"""The modules page: what is there, switching for a reason, and who may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest
from sqlalchemy import select

from core.host.cli import plugin as commands
from core.monitoring.models import AuditEntry

VIEW, SWITCH = "system.modules.view", "system.modules.switch"


@pytest.fixture
def admin(login_as: Callable[..., Any]) -> Any:
    return login_as("admin", VIEW, SWITCH)


def state_of(app: Any, name: str) -> str:
    return next(p.state for p in app.extensions["crm.host"].plugins() if p.name == name)


def switch(client: Any, name: str, to: str, reason: str = "季度演练") -> Any:
    return client.post(f"/system/modules/{name}/switch", data={"to": to, "reason": reason})


def test_every_module_is_listed_with_its_state(admin: Any, crm_app: Any) -> None:
    html = admin.get("/system/modules").text
    for plugin in crm_app.extensions["crm.host"].plugins():
        assert f'href="/system/modules/{plugin.name}"' in html
    assert "已启用" in html
    assert "受保护" in html


def test_the_plan_names_what_will_be_gone(admin: Any) -> None:
    html = admin.get("/system/modules/customers").text
    assert "停用的影响" in html
    for gone in ("客户列表", "交易流水", "/customers/&lt;party_id&gt;"):
        assert gone in html
    assert "data-show" not in html
    assert "data-show" in admin.get("/system/modules/customers?ask=1").text


def test_a_switch_holds_at_once_is_explained_and_recorded(
    admin: Any, crm_app: Any, login_as: Callable[..., Any]
) -> None:
    clerk = login_as("clerk", "customers.party.view")
    assert clerk.get("/customers/").status_code == 200
    answer = switch(admin, "customers", "disable")
    assert (answer.status_code, answer.location) == (302, "/system/modules/customers")
    assert clerk.get("/customers/").status_code == 404
    page = admin.get("/system/modules/customers").text
    assert "已停用" in page
    assert "季度演练" in page
    assert switch(admin, "customers", "enable", "演练结束").status_code == 302
    assert clerk.get("/customers/").status_code == 200

    from core.db.session import system_session

    with crm_app.app_context(), system_session("test looks") as session:
        found = select(AuditEntry.action, AuditEntry.reason).where(AuditEntry.subject == "core.plugin")
        kept = session.execute(found.order_by(AuditEntry.id)).all()
    assert [tuple(entry) for entry in kept][-2:] == [("plugin.disabled", "季度演练"), ("plugin.enabled", "演练结束")]


def test_the_list_says_why_a_module_was_switched_off(admin: Any) -> None:
    assert "至少 4 个字" in admin.get("/system/modules/customers?ask=1").text
    switch(admin, "customers", "disable")
    assert "季度演练" in admin.get("/system/modules").text
    switch(admin, "customers", "enable", "演练结束")
    assert "演练结束" not in admin.get("/system/modules").text


def test_the_command_asks_for_as_long_a_reason_as_the_page(crm_app: Any) -> None:
    for reason in ("no", " n  o "):
        command = ["disable", "customers", "--reason", reason]
        assert crm_app.test_cli_runner().invoke(commands, command).exit_code == 2
    assert state_of(crm_app, "customers") == "enabled"


@pytest.mark.parametrize("reason", ["", "   ", "no", "长" * 201])
def test_without_a_proper_reason_nothing_happens(admin: Any, crm_app: Any, reason: str) -> None:
    answer = switch(admin, "customers", "disable", reason)
    assert answer.status_code == 422
    assert "data-show" in answer.text
    assert state_of(crm_app, "customers") == "enabled"


def test_what_is_protected_stays_on(admin: Any, crm_app: Any) -> None:
    assert "受保护" in admin.get("/system/modules/system").text
    answer = switch(admin, "system", "disable")
    assert answer.status_code == 409
    assert "无法再启用任何模块" in answer.text
    assert state_of(crm_app, "system") == "enabled"


def test_what_makes_no_sense_is_refused(admin: Any) -> None:
    assert switch(admin, "customers", "explode").status_code == 400
    assert switch(admin, "nothing", "disable").status_code == 404
    assert admin.get("/system/modules/nothing").status_code == 404


def test_looking_is_not_switching(login_as: Callable[..., Any], crm_app: Any) -> None:
    viewer = login_as("viewer", VIEW)
    assert "停用…" not in viewer.get("/system/modules").text
    assert switch(viewer, "customers", "disable").status_code == 403
    assert login_as("nobody").get("/system/modules").status_code == 403
    assert state_of(crm_app, "customers") == "enabled"


def test_it_shows_no_business_data() -> None:
    from plugins.system.permissions import ACTIONS

    assert not any(action.business_data for action in ACTIONS)


def test_a_broken_module_shows_why(admin: Any, crm_app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    host = crm_app.extensions["crm.host"]
    real = host.plugins()
    broken = [
        replace(p, state="broken", reason="ImportError: no module named 'zhima'", trace="Traceback: line 7")
        if p.name == "customers"
        else p
        for p in real
    ]
    monkeypatch.setattr(type(host), "plugins", lambda self: broken)
    html = admin.get("/system/modules").text
    assert "1 个模块出现故障" in html
    assert html.index("/system/modules/customers") < html.index("/system/modules/system"), "what is broken comes first"
    page = admin.get("/system/modules/customers").text
    assert "no module named &#39;zhima&#39;" in page
    assert "Traceback: line 7" in page


def break_page(monkeypatch: pytest.MonkeyPatch, app: Any, endpoint: str) -> None:
    @wraps(app.view_functions[endpoint])  # with its access
    def broken(**_: Any) -> float:
        return 1 / 0

    monkeypatch.setitem(app.view_functions, endpoint, broken)


def test_what_fails_in_a_page_is_the_fault_of_its_module(
    admin: Any, crm_app: Any, login_as: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page names the module and a number to quote; the list and the command show count, time and reason."""
    break_page(monkeypatch, crm_app, "customers.index")
    answer = login_as("clerk", "customers.party.view").get("/customers/")
    assert answer.status_code == 500
    assert "出错的模块" in answer.text
    assert "客户管理" in answer.text
    assert answer.headers["X-Request-ID"] in answer.text
    page = admin.get("/system/modules").text
    assert "页面 customers.index: ZeroDivisionError" in page
    listed = crm_app.test_cli_runner().invoke(commands, ["list", "--json"], catch_exceptions=False)
    told = next(p for p in json.loads(listed.output)["plugins"] if p["name"] == "customers")
    assert told["failures"] == 1
    assert told["last_fault"]["hook"] == "page customers.index"
    assert "ZeroDivisionError" in told["last_fault"]["reason"]
    assert told["last_fault"]["last"]
    for command in (["list"], ["show", "customers"]):
        text = crm_app.test_cli_runner().invoke(commands, command, catch_exceptions=False).output
        assert "page customers.index: ZeroDivisionError: division by zero (1 time, last 20" in text


def test_an_error_in_a_page_of_the_core_is_no_modules_fault(
    admin: Any, crm_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_page(monkeypatch, crm_app, "core.home")
    answer = admin.get("/")
    assert answer.status_code == 500
    assert "出错的模块" not in answer.text
    assert all(not plugin.faults for plugin in crm_app.extensions["crm.host"].plugins())
