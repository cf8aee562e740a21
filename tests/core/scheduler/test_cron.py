"""Cron lines mean what they mean to cron."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.scheduler import cron
from core.scheduler.runs import next_due

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def week(line: str) -> list[str]:
    """Days of the week after a Saturday noon on which the line falls due."""
    days, moment = [], SATURDAY
    while (due := next_due(line, "UTC", moment)) is not None and due < SATURDAY + timedelta(days=7):
        days.append(f"{due:%a}")
        moment = due + timedelta(seconds=1)
    return days


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", "Sun"),
        ("7", "Sun"),
        ("SUN", "Sun"),
        ("1", "Mon"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("mon-fri", "Mon Tue Wed Thu Fri"),
        ("5-7", "Sun Fri Sat"),
        ("fri-sun", "Sun Fri Sat"),
        ("*/2", "Sun Tue Thu Sat"),
        ("1-5/2", "Mon Wed Fri"),
        ("3/2", "Wed Fri"),
        ("0,3,sat", "Sun Wed Sat"),
        ("*", "Sun Mon Tue Wed Thu Fri Sat"),
        ("0-7", "Sun Mon Tue Wed Thu Fri Sat"),
    ],
)
def test_weekdays_count_from_sunday(weekday: str, days: str) -> None:
    assert week(f"0 2 * * {weekday}") == days.split()


def test_of_two_restricted_days_either_will_do() -> None:
    assert week("0 2 27 * 1") == ["Mon", "Fri"]
    assert week("0 2 */1 * 1") == ["Mon"], "a star restricts nothing"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "every day",
        "0 2 * *",
        "0 2 * * * *",
        "0 2 * * 8",
        "0 2 * * 5-2",
        "0 2 * * 1/0",
        "0 2 * * *-3",
        "0 2 * * moonday",
        "60 2 * * *",
        "0 2 31 2 *",
    ],
)
def test_what_is_no_cron_line_says_why(line: str) -> None:
    assert cron.trouble(line)
    assert not cron.trouble("30 6 * * 1-5")
