"""Only requests for a name this server is known by get further than a plain refusal."""

from __future__ import annotations

import dataclasses
import json

import pytest
from flask import Flask


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "[::1]"])
def test_this_machines_own_names_are_served(app: Flask, host: str) -> None:
    assert app.test_client().get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "localhost.evil.example", "evil.example:8000", "[::2]", "127.0.0.1.evil.example", "", "@",
        "localhost:80@evil.example", "localhost:\\evil.example", "localhost:8000/evil", "localhost:", "[::1]evil",
        "localhost:8000000",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/sign-in", "/healthz", "/no/such/page", "/assets/default/ui.css"])
def test_any_other_name_is_refused_in_plain_words(app: Flask, host: str, path: str) -> None:
    answer = app.test_client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert answer.mimetype == "text/plain"
    assert "CRM_HOSTS" in answer.text
    assert "evil" not in answer.text
    assert answer.headers["X-Request-ID"]


def test_a_refused_name_is_in_the_log(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    app.test_client().get("/sign-in", headers={"Host": "evil.example"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    assert [line["host"] for line in lines if line["event"] == "host_refused"] == ["evil.example"]


def test_names_that_were_set_take_the_place_of_the_machines_own(app: Flask) -> None:
    app.config["CRM"] = dataclasses.replace(app.config["CRM"], hosts=("crm.bank.example", ".branch.example"))
    asked = {
        host: app.test_client().get("/sign-in", headers={"Host": host}).status_code
        for host in ("crm.bank.example", "x.branch.example", "branch.example", "localhost", "xbranch.example")
    }
    assert asked == {
        "crm.bank.example": 200,
        "x.branch.example": 200,
        "branch.example": 400,
        "localhost": 400,
        "xbranch.example": 400,
    }
