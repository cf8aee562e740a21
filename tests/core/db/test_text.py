"""Which characters text may hold."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from core.db.text import Flaw, cleaned, flaw, visible

REFUSED = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0)]
REFUSED += [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xD800, 0xDBFF, 0xDC00, 0xDFFF]
OF_LINES = [0x09, 0x0A, 0x0D]


@pytest.mark.parametrize("code", REFUSED, ids=hex)
def test_refused_everywhere(code: int) -> None:
    for lines in (False, True):
        assert flaw(f"王{chr(code)}", lines=lines) == Flaw(2, f"U+{code:04X}")
        assert cleaned(f"王{chr(code)}海", lines=lines, instead=" ") == "王 海"


@pytest.mark.parametrize("code", OF_LINES, ids=hex)
def test_line_breaks_and_tabs_are_for_text_areas(code: int) -> None:
    assert flaw(chr(code), lines=True) is None
    assert flaw(chr(code)) == Flaw(1, f"U+{code:04X}")
    assert cleaned(chr(code), lines=True) == chr(code)


@pytest.mark.parametrize("text", ["", "王海峰", "𠮷野家", "Zoë · 3–5 ￥", "\u3000全角", "\u00a0", "\ufffd"])
def test_what_people_write_is_left_alone(text: str) -> None:
    assert flaw(text) is None
    assert cleaned(text) == text


def test_what_cannot_be_seen_stands_in_no_single_line() -> None:
    for sign in (chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Cf"):
        assert flaw(f"王{sign}") == Flaw(2, f"U+{ord(sign):04X}")
        assert visible(f"1{sign}3{sign}9") == "139"


def test_text_areas_take_what_joins_emoji() -> None:
    assert flaw("\u200d👩\u200d💻", lines=True) is None
