"""The masker: published vectors, and what must hold for any value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db.masks import CLASSES, mask

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "vectors.json"

PUBLISHED = [
    ("张三", "C2.name", "张*"),
    ("张三丰", "C2.name", "张*丰"),
    ("欧阳娜娜", "C2.name", "欧**娜"),
    ("阿卜杜拉·买买提", "C2.name", "阿***·买**"),
    ("张", "C2.name", "*"),
    ("11010519491231002X", "C2.id_no", "110***********002X"),
    ("110105491231002", "C2.id_no", "110********1002"),
    ("E12345678", "C2.id_no", "E******78"),
    ("13800138000", "C2.mobile", "138****8000"),
    ("6216261000000000018", "C2.card", "621626*********0018"),
    ("0000000000001234", "C2.account", "************1234"),
    ("北京市朝阳区建国路1号", "C2.address", "北京市朝阳区****"),
    ("浙江省杭州市滨江区江南大道1号", "C2.address", "浙江省杭州市滨江区****"),
    ("江苏省南京市雨花台区软件大道8号", "C2.address", "江苏省南京市雨花台区****"),
    ("重庆市江北区观音桥", "C2.address", "重庆市江北区****"),
    ("江苏省苏州市昆山市前进路", "C2.address", "江苏省苏州市昆山市****"),
    ("三亚市河西路幸福小区3栋", "C2.address", "三亚市****"),
    ("杭州市西湖区文三路社区2号", "C2.address", "杭州市西湖区****"),
    ("216 W Olive Way Springfield", "C2.address", "****"),
    ("alice@x.com", "C2.email", "a***@x.com"),
    ("nobody", "C2.email", "******"),
    ("Emma Smith", "C2.name", "E**a S***h"),
]


@pytest.mark.parametrize(("value", "data_class", "shown"), PUBLISHED)
def test_published(value: str, data_class: str, shown: str) -> None:
    assert mask(value, data_class) == shown


@pytest.mark.skipif(not VECTORS.exists(), reason="the handbook's vectors are not beside this checkout")
def test_handbook_vectors() -> None:
    classes = {2: "C2.name", 3: "C2.name", 4: "C2.name", 8: "C2.name", 18: "C2.id_no", 11: "C2.mobile", 19: "C2.card"}
    for value, shown in json.loads(VECTORS.read_text("utf-8"))["mask"].items():
        assert mask(value, classes[len(value)]) == shown


def test_nothing_is_nothing() -> None:
    assert mask(None, "C2.name") == ""
    assert mask("", "C2.id_no") == ""


def test_data_about_nobody_is_shown() -> None:
    assert mask("活期存款", "") == "活期存款"


def test_an_unknown_class_hides_everything() -> None:
    assert mask("secret", "C2.unheard_of") == "******"


@given(st.text(min_size=1, max_size=40), st.sampled_from(sorted(CLASSES)))
def test_some_character_is_always_hidden(value: str, data_class: str) -> None:
    shown = mask(value, data_class)
    assert "*" in shown or not value.strip(" ·")


@given(st.from_regex(r"[1-9]\d{16}[\dX]", fullmatch=True))
def test_the_birth_date_never_shows(number: str) -> None:
    shown = mask(number, "C2.id_no")
    assert set(shown[6:14]) == {"*"}
    assert len(shown) == len(number)
