"""The host's reasons in the words of people."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from plugins.system.services import words

CATALOGUE = Path(words.__file__).parents[1] / "translations/zh_CN/LC_MESSAGES/system.po"


def chinese() -> dict[str, str]:
    with CATALOGUE.open("rb") as handle:
        return {str(m.id): str(m.string) for m in read_po(handle) if isinstance(m.id, str)}


def said(reason: str) -> str:
    known = chinese()
    return words.said(reason, lambda text, **parts: known[text] % parts, {"customers": "客户管理", "loans": "贷款"})


@pytest.mark.parametrize(
    ("reason", "words_"),
    [
        ("nobody has enabled it yet", "尚未启用"),
        ("requires customers, which is broken", "依赖的“客户管理”出现故障"),
        ("requires customers, which is disabled", "依赖的“客户管理”未启用"),
        ("customers is required by loans; disable first what requires it", "“贷款”依赖“客户管理”，请先停用前者"),
        (
            "customers requires loans, unknown, which must be enabled first",
            "“客户管理”依赖“贷款, unknown”，请先启用后者",
        ),
        ("took longer than 2 seconds", "用时超过 2 秒"),
        ("panel customers.loans", "面板 customers.loans"),
        ("page customers.index", "页面 customers.index"),
        ("took longer than 2 seconds 3 times; it is off for 60 seconds", "3 次用时超过 2 秒，暂停 60 秒"),
        ("it spins for more than 4 seconds; the worker is replaced", "持续占用处理器超过 4 秒，工作进程已更换"),
        ("customers is broken: it works in training mode only", "“客户管理”出现故障：仅在培训模式下可用"),
        ("ModuleNotFoundError: No module named 'x'", "ModuleNotFoundError: No module named 'x'"),
    ],
)
def test_what_the_host_says_is_said_in_chinese(reason: str, words_: str) -> None:
    assert said(reason) == words_


def test_every_sentence_is_translated() -> None:
    known = chinese()
    assert [m for m in words.message_ids() if not known.get(m)] == []
