"""What happens at the edges: error pages that cannot be rendered, records in conflict, plugins from elsewhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import DateTime, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from wtforms import IntegerField, StringField
from wtforms.validators import Length, NumberRange

from core import i18n
from core.db.locking import Conflict
from core.host import i18n as tool
from core.web import Form, access, conflict
from core.web.cursor import seal, unseal


class Base(DeclarativeBase):
    pass


class Visit(Base):
    __tablename__ = "visits_visit"
    __table_args__ = {"info": {"plugin": "visits"}}  # noqa: RUF012 - SQLAlchemy's own convention
    id: Mapped[int] = mapped_column(primary_key=True)
    memo: Mapped[str] = mapped_column(String(20), info={"label": "What was said"})
    mobile: Mapped[str] = mapped_column(String(20), info={"class": "C2.mobile"})
    mobile_index: Mapped[bytes] = mapped_column(LargeBinary)
    day: Mapped[date]
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    cost: Mapped[Decimal]
    version: Mapped[int]


MINE: dict[str, Any] = {
    "id": 1, "memo": "new", "mobile": "13800005621", "mobile_index": b"x", "day": date(2026, 11, 22),
    "at": datetime(2026, 11, 22, 17, 30, tzinfo=UTC), "cost": Decimal("1200.50"), "version": 2,
}  # fmt: skip


def test_a_conflict_masks_personal_data_and_leaves_keys_out(shell_app: Flask) -> None:
    theirs = {**MINE, "mobile": "13900000001", "memo": None, "version": 3}
    with shell_app.test_request_context("/"):
        rows = conflict.rows(Conflict(Visit, 1, MINE, theirs))
    assert [(r.label, r.mine, r.theirs, r.differs) for r in rows] == [
        ("What was said", "new", "—", True),
        ("手机号码", "138****5621", "139****0001", True),
        ("Day", "2026-11-22", "2026-11-22", False),
        ("At", "2026-11-23 01:30", "2026-11-23 01:30", False),
        ("Cost", "1,200.50", "1,200.50", False),
    ]


def test_a_record_somebody_deleted_says_so(shell_app: Flask, client: FlaskClient) -> None:
    def gone() -> None:
        raise Conflict(Visit, 1, MINE, None)

    gone.crm_access = ("public", "a test")  # type: ignore[attr-defined]
    shell_app.add_url_rule("/gone", view_func=gone)
    answer = client.get("/gone", headers={"Referer": "http://localhost/fake/"})
    assert answer.status_code == 409
    assert "删除" in answer.text
    assert 'href="/fake/"' in answer.text


def test_an_error_is_still_said_when_no_template_can_be_rendered(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> str:
        raise RuntimeError("the theme is broken")

    monkeypatch.setattr("core.web.errors.render_template", broken)
    for headers in ({}, {"HX-Request": "true"}):
        answer = client.get("/fake/raise/crash", headers=headers)
        assert answer.status_code == 500
        assert "系统出现故障" in answer.text
        assert "data-fault" in answer.text


def test_an_error_is_still_said_when_nobody_can_tell_who_is_signed_in(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> bool:
        raise RuntimeError("the database is down")

    monkeypatch.setattr("core.web.shell.signed_in", broken)
    answer = client.get("/fake/raise/404")
    assert answer.status_code == 404
    assert "页面不存在" in answer.text


def test_405_says_what_is_allowed(client: FlaskClient) -> None:
    answer = client.post("/help")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_recovery_by_htmx_reloads_the_page(client: FlaskClient, world: Any) -> None:
    world.has_plugin("fake", "Fake", "broken")
    answer = client.post("/recovery/fake/disable", data={"reason": "keeps failing"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/recovery")


def test_closing_another_tab_stays_where_one_is(client: FlaskClient, world: Any) -> None:
    world.opens("A", "/fake/")
    here = {"Referer": "http://localhost/help?x=1"}
    assert client.post("/tabs/close", data={"url": "/fake/"}, headers=here).location == "/help?x=1"
    elsewhere = {"Referer": "http://evil.example/help"}
    assert client.post("/tabs/close", data={"url": "/fake/"}, headers=elsewhere).location == "/"


def test_favicon_leads_to_the_mark(client: FlaskClient) -> None:
    assert "/assets/default/mark." in client.get("/favicon.ico").location


def test_actions_are_called_by_their_labels(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"):
        assert access.action_label("fake.secret") == "Open the secret list"
        assert access.action_label("core.recovery") == "使用恢复页面"
        assert access.action_label("no.such") == "no.such"
        assert access.action_of("fake.secret") == "fake.secret"
        assert access.action_of("core.help") is None
        assert not access.may_open("no.such")


def test_cursors_keep_uuids_and_refuse_what_they_cannot_keep() -> None:
    key = UUID(int=7)
    assert unseal("k" * 32, "list", seal("k" * 32, "list", [key])) == [key]


class NumberForm(Form):
    number = IntegerField("Number", [NumberRange(min=3)])
    text = StringField("Text", [Length(min=2)])


@pytest.mark.parametrize(("cookie", "word"), [("", "字符"), ("crm_language=en", "at least 2 characters")])
def test_plural_messages_of_validators_are_translated(shell_app: Flask, cookie: str, word: str) -> None:
    data = {"number": "1", "text": "x"}
    with shell_app.test_request_context("/", method="POST", data=data, headers={"Cookie": cookie}):
        form = NumberForm()
        assert not form.validate_on_submit()
        assert word in form.errors["text"][0]


def test_a_distribution_keeps_its_words_beside_its_own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "loans_elsewhere"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        i18n, "_distributed", lambda name: iter(["loans_elsewhere"] if name == "loans" else ["no.such.module"])
    )
    assert i18n.folder("loans") == package / "translations"
    assert i18n.folder("neither") is None
    with pytest.raises(KeyError, match="neither"):
        tool.missing("neither")


def test_outside_an_app_words_are_english() -> None:
    assert i18n.translator("core")("Cancel") == "Cancel"
    assert i18n.N_("Cancel") == "Cancel"


def test_compiling_and_extracting_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "visits"
    base.mkdir()
    (base / "views.py").write_text('_("New one")\n', "utf-8")
    real = i18n.folder
    monkeypatch.setattr(i18n, "folder", lambda domain: base / "translations" if domain == "visits" else real(domain))
    assert tool.main(["extract", "visits"]) == 0
    assert "1 to translate" in capsys.readouterr().out
    assert tool.main(["compile", "visits"]) == 0
    assert "1 catalogues" in capsys.readouterr().out
    assert "core" in tool.in_tree()


def test_what_stands_in_the_way_on_the_recovery_page_names_nobody(client: FlaskClient, world: Any) -> None:
    world.has_plugin("needed", "Needed", "enabled")
    answer = client.post("/recovery/needed/disable", data={"reason": "keeps failing"})
    assert "still needed by" in answer.text
    assert "11010519491231002X" not in answer.text
