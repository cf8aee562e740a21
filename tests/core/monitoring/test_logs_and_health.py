"""Request numbers, logs without personal data, health pages."""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import Any

import pytest
import structlog
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from core.contract.protocols import PluginFailed
from core.contract.types import HealthCheck, HealthResult
from core.monitoring import context
from core.monitoring.identifiers import REMOVED, scrub
from core.monitoring.logs import handler


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(
    "identifier",
    [
        "11010519491231002X",
        "110105491231002",
        "13800138000",
        "+8613800138000",
        "6216261000000000018",
        "91350100M000100Y43",
        "a.b@example.com",
        "020000123456",
    ],
)
def test_identifiers_never_reach_the_log(identifier: str) -> None:
    assert scrub(f"party {identifier} failed") == f"party {REMOVED} failed"
    assert identifier not in scrub(f"客户{identifier}，失败")


@pytest.mark.parametrize("harmless", ["P0000000001", "request 2026-11-23T20:22:01.123456Z", "12345 rows", "ms 61.6"])
def test_other_numbers_do(harmless: str) -> None:
    assert scrub(harmless) == harmless


@given(st.text())
def test_scrubbing_is_harmless_to_any_text(text: str) -> None:
    assert scrub(scrub(text)) == scrub(text)


def test_structured_and_plain_records_are_clean(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("tests")
    log.info("found", name="王海峰", password="x", rows=["13800138000"], nested={"mobile": "1", "n": 3}, ok=True)
    logging.getLogger("library").warning("card %s refused", "6216261000000000018")
    try:
        raise ValueError("bad card 6216261000000000018")
    except ValueError:
        log.exception("failed")
    first, second, third = logged(capsys)
    assert (first["name"], first["password"], first["rows"]) == (REMOVED, REMOVED, [REMOVED])
    assert (first["nested"], first["ok"]) == ({"mobile": REMOVED, "n": 3}, True)
    assert second["event"] == f"card {REMOVED} refused"
    assert "ValueError" in third["exception"]
    assert "6216261" not in third["exception"]


def test_configuring_twice_does_not_double_the_lines(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    from core.monitoring.logs import configure

    configure()
    structlog.get_logger("tests").info("once")
    assert len(logged(capsys)) == 1
    assert isinstance(handler(), logging.Handler)


def test_each_request_has_a_number(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    client = app.test_client()
    one, two = (client.get("/readyz").headers["X-Request-ID"] for _ in range(2))
    assert one != two
    lines = [line for line in logged(capsys) if line["event"] == "request"]
    assert [line["request_id"] for line in lines] == [one, two]
    assert context.actor() == context.Actor()


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("proxy-12345-abc", True),
        ("short", False),
        ("x" * 65, False),
        ("with blanks in it", False),
        ("a.b_c.d_e", False),
    ],
)
def test_a_proxys_number_is_taken_when_sane(app: Flask, given: str, taken: bool) -> None:
    app.config["CRM"] = dataclasses.replace(app.config["CRM"], trusted_proxies=1)
    got = app.test_client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (got == given) is taken


def test_without_a_proxy_nobody_chooses_the_number(app: Flask) -> None:
    given = "proxy-12345-abc"
    assert app.test_client().get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] != given


def test_log_line_has_the_route_and_no_query(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    app.test_client().get("/sign-in?next=/customers?q=王海峰")
    line = next(line for line in logged(capsys) if line["event"] == "request")
    assert (line["route"], line["method"], line["status"]) == ("/sign-in", "GET", 200)
    assert "王" not in json.dumps(line, ensure_ascii=False)


# -- health ------------------------------------------------------------------------------------------------------------


def test_alive_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").get_json() == {"ok": True}
    ready = client.get("/readyz")
    assert (ready.status_code, ready.get_json()["ready"]) == (200, True)
    assert ready.headers["Cache-Control"] == "no-store"


def test_database_gone_is_alive_but_not_ready(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    from core.monitoring import health

    class Gone:
        def connect(self) -> Any:
            raise OperationalError("SELECT 1", {}, Exception("gone"))

    class Extension:
        engine = Gone()

    monkeypatch.setattr("core.extensions.db", Extension())
    with app.app_context():
        assert health._database() == health.Checked("core.database", False, "OperationalError")


def with_checks(app: Flask, monkeypatch: pytest.MonkeyPatch, *checks: HealthCheck) -> None:
    registry, dispatch = type(app.extensions["crm"].registry), type(app.extensions["crm"].dispatch)
    given = registry.of
    found = tuple(("customers", check) for check in checks)
    monkeypatch.setattr(
        registry,
        "of",
        lambda self, hook, snapshot=None: found if hook == "crm_health_checks" else given(self, hook, snapshot),
    )

    def call(self: Any, plugin: str, hook: str, what: Any) -> Any:
        try:
            return what()
        except ZeroDivisionError as error:
            raise PluginFailed(plugin, hook, "ZeroDivisionError") from error

    monkeypatch.setattr(dispatch, "call", call)


def test_checks_of_plugins_count(
    app: Flask, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fine = HealthCheck("customers.fine", "Fine", lambda: HealthResult(True))
    stale = HealthCheck("customers.stale", "Stale", lambda: HealthResult(False, "no day is published"))
    broken = HealthCheck("customers.broken", "Broken", lambda: HealthResult(bool(1 // 0)))
    with_checks(app, monkeypatch, fine, stale, broken)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"][1:] == [
        {"name": "customers.fine", "ok": True},
        {"name": "customers.stale", "ok": False},
        {"name": "customers.broken", "ok": False},
    ]
    reasons = {line["check"]: line["message"] for line in logged(capsys) if line["event"] == "not_ready"}
    assert reasons == {"customers.stale": "no day is published", "customers.broken": "ZeroDivisionError"}


def test_without_a_host_not_ready(app: Flask) -> None:
    from core.monitoring import health

    crm = app.extensions.pop("crm")
    with app.app_context():
        assert [check.ok for check in health._plugins()] == [False]
    app.extensions["crm"] = crm
