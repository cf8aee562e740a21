"""Five-field cron lines, read as cron reads them: 0 and 7 are Sunday, and of two restricted days either will do."""

from __future__ import annotations

import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from core.db.types import now

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>[1-9]\d*))?", re.ASCII)


def trigger(line: str, timezone: str) -> BaseTrigger:
    """The moments a cron line means in this time zone.

    Raises:
        ValueError: the line is not a cron line.
    """
    fields = line.split()
    if len(fields) != 5:
        raise ValueError('it must have five fields, as "30 6 * * *"')
    minute, hour, day, month, weekday = fields
    weekday = _weekdays(weekday)

    def on(day: str, weekday: str) -> CronTrigger:
        when = {"minute": minute, "hour": hour, "day": day, "month": month, "day_of_week": weekday}
        return CronTrigger(**when, timezone=ZoneInfo(timezone))

    if fields[2].startswith("*") or fields[4].startswith("*"):
        return on(day, weekday)
    return OrTrigger([on(day, "*"), on("*", weekday)])


@lru_cache(maxsize=256)
def trouble(line: str) -> str:
    """Why this is not a cron line; "" when it is one."""
    try:
        first = trigger(line, "UTC").get_next_fire_time(None, now())
    except ValueError as error:
        return str(error)
    return "" if first else "its day never comes"


def _weekdays(field: str) -> str:
    """The weekdays of a cron field by name, because APScheduler counts them from Monday."""
    if field == "*":
        return field
    days = sorted({day % 7 for part in field.split(",") for day in _range(part)})
    return ",".join(DAYS[day] for day in days)


def _range(part: str) -> range:
    found = _PART.fullmatch(part)
    if found is None or (found["first"] == "*" and found["last"]):
        raise ValueError(f"{part!r} is no day of the week; they are 0 to 7 or sun to sat, 0 and 7 being Sunday")
    step = int(found["step"] or 1)
    if found["first"] == "*":
        return range(0, 7, step)
    first = _number(found["first"])
    last = _number(found["last"]) if found["last"] else (6 if found["step"] else first)
    if found["last"] and last == 0 < first:
        last = 7  # fri-sun
    if last < first:
        raise ValueError(f"{part!r} runs backwards; name its days one by one")
    return range(first, last + 1, step)


def _number(day: str) -> int:
    if day.lower() in DAYS:
        return DAYS.index(day.lower())
    if day.isdigit() and int(day) <= 7:
        return int(day)
    raise ValueError(f"{day!r} is no day of the week; they are 0 to 7 or sun to sat, 0 and 7 being Sunday")
