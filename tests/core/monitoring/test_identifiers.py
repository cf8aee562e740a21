"""What is taken for the number of a person or account, however it is written, and what is not."""

from __future__ import annotations

import time
import uuid

import pytest

from core.monitoring.identifiers import REMOVED, found_in, scrub

WRITTEN = [
    "tel13912345678",
    "13912345678tel",
    "no6222020200001234567",
    "139.1234.5678",
    "139 12 34 56 78",
    "139  1234  5678",
    "139/1234/5678",
    "139-1234 5678",
    "(139)12345678",
    "（139）1234－5678",
    "+86 (139) 1234-5678",
    "1 3 9 1 2 3 4 5 6 7 8",
    "139\u200b1234\u200b5678",
    "1\u200e3\u200f9\xad12345678",
    "１３９\ufeff１２３４５６７８",
    "6222 0202 0000 1234 567",
    "622202 0200001234567",
    "110105 1949 1231 002X",
    "身份证11010519491231002X已核",
    "13912345678@139.com",
]
HARMLESS = [
    "2026-11-23",
    "2026-11-23 2026-12-01",
    "2026-11-23/2026-12-01",
    "2026-11-23 15:30:22",
    "138-2026-11-23",
    "P0000001076",
    "合同HT2026112301",
    "金额 1,350,000,000.00 元",
    "180.00 1500.00",
    "150 000 000.00",
    "2023 2024 2025",
    "192.168.100.20",
    "Chrome/139.0.7258.154",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_number_is_known_however_it_is_written(text: str) -> None:
    assert found_in(f"客户{text}，请回电")
    cut = scrub(text)
    assert REMOVED in cut
    assert "5678" not in cut
    assert "002X" not in cut
    assert scrub(cut) == cut


@pytest.mark.parametrize("text", HARMLESS)
def test_dates_amounts_and_our_own_numbers_are_let_through(text: str) -> None:
    assert found_in(text) is None
    assert scrub(text) == text


def test_request_numbers_and_hashes_stay_legible() -> None:
    made = ["0a13912345678912345678913912345c", str(uuid.UUID("a1391234-5678-4391-8234-139123456789")), "b1" * 32]
    assert [scrub(one) for one in made] == made


@pytest.mark.parametrize("part", ["1", "1 ", "139 ", "139-1234-", "2026 ", "0a", "a.+", "a@a", "0-", "(1", "\u200b1"])
def test_no_text_takes_long(part: str) -> None:
    def seconds(length: int) -> float:
        text = part * (length // len(part))
        began = time.process_time()
        scrub(text)
        found_in(text)
        return time.process_time() - began

    assert seconds(400_000) < 8, "what takes more than linear time needs minutes for this"
