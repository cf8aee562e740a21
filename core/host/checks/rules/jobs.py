"""Jobs end: each says after how many seconds it is killed."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import UNKNOWN, Plugin
from core.host.checks.things import things
from core.scheduler import cron

CODE = "CRM022"
LONGEST = 86_400


def check(plugin: Plugin) -> Iterator[Finding]:
    """``time_limit`` from 1 to 86,400, ``retries`` from 0 to 10, a cron line of five fields."""
    for job in things(plugin, "Job"):
        name, limit, schedule, retries = (job.value(f) for f in ("name", "time_limit", "schedule", "retries"))
        if limit is UNKNOWN or type(limit) is not int or not 1 <= limit <= LONGEST:
            yield Finding(CODE, f"job {name}: give time_limit as a literal from 1 to {LONGEST} seconds", job.at)
        if isinstance(schedule, str) and (trouble := cron.trouble(schedule)):
            yield Finding(CODE, f"job {name}: schedule {schedule!r} is no cron line: {trouble}", job.at)
        if retries is not UNKNOWN and not (type(retries) is int and 0 <= retries <= 10):
            yield Finding(CODE, f"job {name}: retries from 0 to 10", job.at)
