"""Which days should be there, and when what is missing is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.warehouse.batch import run
from core.warehouse.source_file import parse

FRIDAY, SATURDAY, MONDAY = date(2026, 9, 25), date(2026, 9, 26), date(2026, 9, 28)
ONE = {"account": ["A1|$|10.00"]}


def shanghai(day: date, hour: int, minute: int = 0) -> datetime:
    """That moment at the bank, as the servers' clock has it."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def overdue(bank: Any, moment: datetime, **more: Any) -> list[str]:
    account = {"account": bank.description["tables"]["account"]}
    description = {k: v for k, v in bank.description.items() if k != "cut_off"} | {"tables": account} | more
    return run([parse(description, "core_system.toml", "core_system")], moment=moment).overdue


@pytest.mark.parametrize(("moment", "late"), [
    (shanghai(SATURDAY, 5, 59), 0), (shanghai(SATURDAY, 6), 1), (shanghai(MONDAY, 5, 59), 2), (shanghai(MONDAY, 6), 3),
])  # fmt: skip
def test_six_in_the_morning_of_the_day_after_unless_said_otherwise(bank: Any, moment: datetime, late: int) -> None:
    bank.deliver(FRIDAY - timedelta(days=1), ONE)
    assert len(overdue(bank, moment)) == late


def test_the_sentence_names_day_time_and_file(bank: Any) -> None:
    bank.deliver(FRIDAY - timedelta(days=1), ONE)
    bank.deliver(FRIDAY, ONE, flag=False)
    told = overdue(bank, shanghai(SATURDAY, 9), cut_off="08:30")
    assert told == ["core_system 2026-09-25：截止 2026-09-26 08:30 仍未到齐：account（缺控制文件）"]
    assert overdue(bank, shanghai(SATURDAY, 8), cut_off="08:30") == []


def test_several_files_for_one_table_are_told_too(bank: Any) -> None:
    bank.deliver(FRIDAY, ONE)
    bank.deliver(SATURDAY, ONE)
    told = overdue(bank, shanghai(MONDAY, 7), business_date=FRIDAY)
    assert told == ["core_system 2026-09-25：截止 2026-09-26 06:00 仍未到齐：account（有多个文件）"]


def test_weekends_are_not_missed_where_nothing_comes_on_them(bank: Any) -> None:
    bank.deliver(FRIDAY, ONE)
    tuesday = shanghai(MONDAY + timedelta(days=1), 12)
    assert [text[12:22] for text in overdue(bank, tuesday, days="weekdays")] == ["2026-09-28"]
    bank.deliver(SATURDAY, ONE, flag=False)
    assert [text[12:22] for text in overdue(bank, tuesday, days="weekdays")] == ["2026-09-26", "2026-09-28"]


def test_a_long_silence_is_counted(bank: Any) -> None:
    bank.deliver(FRIDAY, ONE)
    told = overdue(bank, shanghai(FRIDAY + timedelta(days=101), 7))
    assert len(told) == 6 and told[-1] == "core_system：另有 95 个业务日逾期未到"


def test_who_delivers_when_it_likes_or_has_never_delivered_is_not_missed(bank: Any) -> None:
    assert overdue(bank, shanghai(MONDAY, 12)) == []
    bank.deliver(FRIDAY, ONE)
    assert overdue(bank, shanghai(MONDAY, 12), cut_off=False) == []


def test_a_file_of_one_fixed_day_is_expected_too(bank: Any) -> None:
    fixed = {"business_date": FRIDAY, "folder": "in"}
    assert len(overdue(bank, shanghai(MONDAY, 12), **fixed)) == 1
    assert overdue(bank, shanghai(FRIDAY, 23), **fixed) == []
