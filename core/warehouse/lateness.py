"""What should have come by now. A file that is not there is no error until the cut-off time of its source; then it is
told in every run until it comes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import structlog
from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.warehouse import settings
from core.warehouse.arrival import Delivery, complete
from core.warehouse.models import Partition
from core.warehouse.sources import Source
from core.warehouse.words import _

log = structlog.get_logger(__name__)
SATURDAY = 5
MOST = 5
"""Days that are told one by one; a source that ended years ago is one piece of news and not a thousand."""


def overdue(
    session: Session, source: Source, there: Sequence[Delivery], known: Collection[str], moment: datetime
) -> list[str]:
    """A sentence for each business day of which something is late at ``moment``, and a warning in the log.

    A day is expected when it follows one that is published, or when part of it is there already. ``known`` are the
    feeds somebody takes; files of others are not missed. ``there`` is ordered by day. After ``MOST`` days
    the rest is only counted.
    """
    if not source.watched:
        return []
    cut_off = source.cut_off or settings.cut_off()
    wanted = [table.name for table in source.tables if table.feed in known and not table.optional]
    statement = select(Partition.business_date, Partition.table_name).where(Partition.source == source.name)
    done = {(day, name) for day, name in session.execute(statement)}
    begun = {day: complete(list(group)) for day, group in groupby(there, key=lambda d: d.business_date)}
    said = []
    for day in _expected(source, begun, {day for day, _name in done}, moment, cut_off):
        ready, doubtful = begun.get(day, ({}, {}))
        late = [name for name in wanted if (day, name) not in done and name not in ready]
        if late:
            names = ", ".join(name + doubtful.get(name, "") for name in late)
            log.warning("delivery_overdue", source=source.name, business_date=day.isoformat(), tables=late)
            since = f"{day + timedelta(days=1)} {cut_off:%H:%M}"
            text = _("%(source)s %(day)s: overdue since %(since)s: ", source=source.name, day=day, since=since)
            said.append(text + names)
    if len(said) > MOST:
        said[MOST:] = [_("%(source)s: %(days)s more days are overdue", source=source.name, days=len(said) - MOST)]
    return said


def _expected(
    source: Source, begun: Collection[date], published: Collection[date], moment: datetime, cut_off: time
) -> list[date]:
    """Business days whose files should all be there."""
    last = _last_due(moment, cut_off)
    days = set(begun)
    if source.business_date is not None:
        days.add(source.business_date)
    elif published:
        newest = max(published)
        after = (newest + timedelta(days=number) for number in range(1, (last - newest).days + 1))
        days |= {day for day in after if not (source.weekdays_only and day.weekday() >= SATURDAY)}
    return sorted(day for day in days if day <= last)


def _last_due(moment: datetime, cut_off: time) -> date:
    """The newest business day whose cut-off, on the day after it, has passed."""
    local = moment.astimezone(ZoneInfo(current_app.config["CRM"].timezone))
    return local.date() - timedelta(days=1 if local.time() >= cut_off else 2)
