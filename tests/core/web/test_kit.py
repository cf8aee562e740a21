"""Formats, attributes, forms, addresses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Mapped, mapped_column
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from core.auth.places import local
from core.db.base import discard, plugin_base
from core.web import Form, link
from core.web.answer import is_fragment, toast
from core.web.kit import attributes, cell, day, moment, money, number, shown, stacked_top, wan

amounts = st.decimals(min_value="-999999999999.99", max_value="999999999999.99", places=2)


@given(amounts)
def test_an_amount_reads_back_exactly(value: Decimal) -> None:
    text = money(value)
    assert Decimal(text.replace(",", "").replace("−", "-")) == value
    assert ("−" in text) == (value < 0)
    assert "-" not in text


def test_missing_is_a_dash_and_never_zero() -> None:
    assert [money(None), wan(None), number(None), day(None), moment(None), shown(None), shown("")] == ["—"] * 7
    assert money(0) == "0.00"


def test_rounding_is_half_up_and_zero_has_no_sign() -> None:
    assert wan(Decimal("12864250.00")) == "1,286.43"
    assert money(Decimal("-0.004")) == "0.00"
    assert number(-1234567) == "−1,234,567"


def test_moments_are_shown_in_the_banks_time_zone(shell_app: Flask) -> None:
    late = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
    with shell_app.test_request_context("/"):
        assert moment(late) == "2026-11-23 01:30"
        assert day(late) == "2026-11-23"
        assert day(date(2026, 11, 22)) == "2026-11-22"


def test_attributes_are_escaped() -> None:
    assert attributes({"a": '"><i>', "b": None, "c": True, "d": 1, "e": False}, "d") == ' a="&#34;&gt;&lt;i&gt;" c'


def test_cells_come_from_mappings_objects_and_functions() -> None:
    class Row:
        name = "x"
        other: Any = None

    assert (cell({"a": 1}, "a"), cell(Row, "name"), cell(Row, "other.name"), cell(3, lambda r: r + 1)) == (
        1,
        "x",
        None,
        4,
    )


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
def test_a_chart_is_never_lower_than_its_highest_column(values: list[int]) -> None:
    assert stacked_top([("a", values), ("b", values)]) >= 2 * max(values)


@given(st.text(max_size=30))
def test_a_redirect_stays_on_this_site(text: str) -> None:
    target = local(text)
    assert target == "/" or (target.startswith("/") and not target.startswith(("//", "/\\")))


def test_links_to_what_is_not_there_are_empty(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"):
        assert link("nowhere.index") == ""
        assert link("core.help") == "/help"


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Request-Type": "partial"}, True),
        ({"HX-Request": "true", "HX-Request-Type": "full"}, False),
    ],
)
def test_a_fragment_is_what_htmx_asks_for_in_part(shell_app: Flask, headers: dict[str, str], wanted: bool) -> None:
    with shell_app.test_request_context("/", headers=headers):
        assert is_fragment() is wanted


def test_a_notice_of_no_known_kind_is_a_mistake(shell_app: Flask) -> None:
    with shell_app.test_request_context("/"), pytest.raises(ValueError, match="purple"):
        toast("x", "purple")


class VisitForm(Form):
    memo = StringField("Memo", [DataRequired(), Length(min=10)])


@pytest.mark.parametrize(("cookie", "word"), [("", "字"), ("crm_language=en", "required")])
def test_forms_answer_in_the_users_language_with_422(shell_app: Flask, cookie: str, word: str) -> None:
    with shell_app.test_request_context("/", method="POST", data={"memo": ""}, headers={"Cookie": cookie}):
        form = VisitForm()
        assert not form.validate_on_submit()
        assert word in form.errors["memo"][0]
        assert form.status == 422
        html = str(shell_app.jinja_env.globals["ui"].form_field(form.memo))
        assert 'aria-invalid="true"' in html
        assert 'aria-describedby="memo-e"' in html
        assert 'class="req"' in html
    with shell_app.test_request_context("/"):
        assert VisitForm().status == 200


def test_a_column_of_personal_data_is_masked_whoever_lists_it() -> None:
    """``party.name`` in another plugin's list shows no more than the customers' own."""

    class Person(plugin_base("kit_test")):  # type: ignore[misc]
        __tablename__ = "kit_test_person"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str | None] = mapped_column(info={"class": "C2.name"})
        town: Mapped[str | None]

    try:
        visit = SimpleNamespace(party=Person(id=1, name="卜萱萍", town="杭州"), none=Person(id=2))
        assert cell(visit, "party.name") == "卜*萍"
        assert cell(visit.party, "name") == "卜*萍"
        assert (cell(visit, "party.town"), cell(visit, "party.id"), cell(visit, "none.name")) == ("杭州", 1, None)
    finally:
        discard("kit_test")
