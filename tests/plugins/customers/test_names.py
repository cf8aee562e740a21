"""Names: how they are stored, read aloud, sorted and found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.customers.services import names


def found(query: str, name: str, person: bool = True) -> bool:
    asked = names.normalised(query)
    return any(entry.startswith(asked) for entry in names.entries(name, person))


@pytest.mark.parametrize(
    ("name", "pinyin"),
    [
        ("单雄信", "shan xiong xin"),
        ("仇英", "qiu ying"),
        ("解珍", "xie zhen"),
        ("查良镛", "zha liang yong"),
        ("曾国藩", "zeng guo fan"),
        ("区小明", "ou xiao ming"),
        ("朴树", "piao shu"),
        ("盖聂", "ge nie"),
        ("员半千", "yun ban qian"),
        ("乐毅", "yue yi"),
        ("尉迟恭", "yu chi gong"),
        ("万俟卨", "mo qi xie"),
        ("长孙无忌", "zhang sun wu ji"),
        ("任盈盈", "ren ying ying"),
        ("张三", "zhang san"),
    ],
)
def test_surnames_are_read_as_surnames(name: str, pinyin: str) -> None:
    assert " ".join(names.syllables(name, person=True)) == pinyin
    assert found(pinyin, name)
    assert found("".join(s[0] for s in pinyin.split()), name)


@pytest.mark.parametrize("query", ["dan", "danxiongxin", "dxx"])
def test_the_dictionary_reading_finds_too(query: str) -> None:
    assert found(query, "单雄信")


@pytest.mark.parametrize("query", ["lvbu", "lubu", "lübu", "LüBu", "lb", "吕", "布", "吕布", "吕 布"])
def test_umlaut_is_typed_three_ways(query: str) -> None:
    assert found(query, "吕布")


@pytest.mark.parametrize(
    "query", ["阿卜杜拉·买买提", "阿卜杜拉买买提", "阿卜杜拉•买", "买买提", "杜拉", "abdlmmt", "阿卜杜拉．买买提"]
)
def test_minority_names_with_or_without_their_dot(query: str) -> None:
    assert found(query, "阿卜杜拉·买买提")


@pytest.mark.parametrize("query", ["bjjg", "binjiangjinggong", "滨江精工", "精工", "hzsbj", "杭州市滨江"])
def test_companies_by_their_core_and_by_their_full_name(query: str) -> None:
    assert found(query, "杭州市滨江精工有限公司", person=False)


@pytest.mark.parametrize("query", ["emma", "EMMA", "Ｅｍｍａ", "smith", "emma smith", "emmasmith", "es"])
def test_latin_names_by_word(query: str) -> None:
    assert found(query, "Emma Smith")


def test_what_does_not_match_is_not_found() -> None:
    assert not found("国张", "张国强")
    assert not found("zhangsan", "张国强")
    assert not found("mma", "Emma Smith")


def test_storage_keeps_brackets_and_mends_separators() -> None:
    assert names.stored(" 阿卜杜拉•买买提 ") == "阿卜杜拉·买买提"
    assert names.stored("阿卜杜拉．买买提") == "阿卜杜拉·买买提"
    assert names.stored("金桥（北京）科技有限公司") == "金桥（北京）科技有限公司"
    assert names.stored("J. Smith") == "J. Smith"


def test_lists_are_sorted_by_pinyin_and_the_nameless_come_last() -> None:
    people = ["张三", None, "章三", "阿炳", "张三丰", "Emma Smith", "欧阳锋"]
    ordered = sorted(people, key=lambda n: names.sort_name(n, True))
    assert ordered == ["阿炳", "Emma Smith", "欧阳锋", "张三", "章三", "张三丰", None]


@given(st.text(alphabet="张王李单曾吕国强明丽娜欧阳尉迟绿", min_size=1, max_size=6))
def test_every_part_of_a_name_finds_it(name: str) -> None:
    for start in range(len(name)):
        for end in range(start + 1, len(name) + 1):
            assert found(name[start:end], name)


@given(st.text(max_size=80), st.booleans())
def test_any_text_gives_entries_that_fit(name: str, person: bool) -> None:
    assert all(0 < len(entry) <= names.LONGEST for entry in names.entries(name, person))
    assert 0 < len(names.sort_name(name, person)) <= 200


def test_neither_start_nor_search_loads_the_dictionary() -> None:
    import subprocess
    import sys

    code = """
import sys
import plugins.customers.plugin as plugin
from core.app import create_app
for hook in (plugin.crm_models, plugin.crm_blueprints, plugin.crm_feeds, plugin.crm_panels, plugin.crm_services):
    hook()
from plugins.customers.services import search
search.matching("zhang"), search.matching("张三")
print([name for name in ("pypinyin", "duckdb", "ibis") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
