"""Is a file that can be loaded also to be believed? What is not is held until somebody has looked at it."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from core.warehouse import partitions, settings
from core.warehouse.arrival import Delivery, LoadHeld
from core.warehouse.charsets import seems
from core.warehouse.models import Load
from core.warehouse.quarantine import REASONS
from core.warehouse.staging import Staged
from core.warehouse.words import _


@dataclass(frozen=True, slots=True)
class Before:
    """The published delivery a full file is compared with."""

    day: date
    rows: int
    """Lines it had, refused ones too."""


def before(session: Session, delivery: Delivery) -> Before | None:
    """The last published day before this one; else this day's own earlier delivery; None when there is neither."""
    source, table, day = delivery.source.name, delivery.table.name, delivery.business_date
    last = partitions.newest(session, source, table, day - timedelta(days=1))
    last = last or partitions.newest(session, source, table, day)
    return Before(last.business_date, session.get_one(Load, last.load_id).rows_read) if last else None


def look(delivery: Delivery) -> None:
    """Raise ``LoadHeld`` when the bytes do not look like the charset the description names."""
    declared = delivery.table.charset
    try:
        charset = seems(delivery.path, declared)
    except (OSError, EOFError, zlib.error):
        return  # reading the file line by line meets the same, and says so
    if charset is not None:
        text = _(
            "The file seems to be in %(charset)s, while the description says %(declared)s.",
            charset=charset, declared=declared,
        )  # fmt: skip
        raise LoadHeld(f"{text}{_('Mend charset in the description, or have it delivered in the other one.')}")


def weigh(staged: Staged, last: Before | None) -> None:
    """Raise ``LoadHeld`` for too many refused lines, and for a full file with too few rows after ``last``."""
    table = staged.delivery.table
    if len(staged.refusals) > table.reject_limit * staged.rows_read:
        raise LoadHeld(
            _(
                "%(refused)s of %(read)s lines are refused, more than %(limit)s%%: %(reasons)s.",
                refused=len(staged.refusals), read=staged.rows_read, limit=_percent(table.reject_limit),
                reasons=_reasons(staged),
            )
        )  # fmt: skip
    if table.mode == "full" and last is not None and last.rows > staged.rows_read:
        _compare(staged.rows_read, last, settings.max_shrink() if table.max_shrink is None else table.max_shrink)


def _compare(rows: int, last: Before, allowed: Decimal) -> None:
    if rows == 0:
        raise LoadHeld(_("The full file is empty; that of %(day)s had %(rows)s rows.", day=last.day, rows=last.rows))
    share = Decimal(last.rows - rows) / last.rows
    if share > allowed:
        raise LoadHeld(
            _(
                "The full file has %(rows)s rows, that of %(day)s had %(before)s: %(share)s%% fewer, "
                "more than the %(allowed)s%% allowed.",
                rows=rows, day=last.day, before=last.rows, share=_percent(share), allowed=_percent(allowed),
            )
        )  # fmt: skip


def _reasons(staged: Staged) -> str:
    """The most frequent reasons: what, in which column, how often."""
    counted = Counter((_(REASONS[refusal.reason]), refusal.column) for refusal in staged.refusals)
    most = counted.most_common(5)
    return "; ".join(f"{why} {column} {count}".replace("  ", " ") for (why, column), count in most)


def _percent(share: Decimal) -> str:
    return f"{(share * 100).quantize(Decimal('0.1')).normalize():f}"
