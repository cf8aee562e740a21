"""Refused lines: kept encrypted, counted by reason, shown by nobody but those who mend the source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import islice

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from core.i18n import N_
from core.warehouse.models import Load, Partition, RejectedLine
from core.warehouse.rows import Refusal

REASONS = {
    "undecodable": N_("not of the charset"), "column_count": N_("another number of fields"),
    "bad_quotes": N_("quotes do not match"), "record_end": N_("the end of the record is missing"),
    "too_long": N_("line too long"), "missing": N_("required value missing"), "bad_date": N_("not a date"),
    "bad_number": N_("not a number"), "too_many_decimals": N_("too many decimals"), "too_large": N_("number too large"),
    "unmapped": N_("code unknown"), "duplicate_key": N_("key comes again"),
    "unknown_reference": N_("refers to nothing that is there"),
}  # fmt: skip
"""Why a line is refused, in a few words."""
CHUNK = 1000
"""Rows a transaction: one large transaction would block every page on SQLite."""


def keep(session: Session, load_id: int, refusals: Iterable[Refusal]) -> None:
    """Write the lines of one load, committing as it goes. They count once the load is published."""
    rest = iter(refusals)
    while chunk := list(islice(rest, CHUNK)):
        session.execute(
            insert(RejectedLine),
            [
                {
                    "load_id": load_id,
                    "line": r.line,
                    "reason": r.reason,
                    "column_name": r.column,
                    "message": r.message[:400],
                    "raw": r.raw.hex(),
                }
                for r in chunk
            ],
        )
        session.commit()


def forget(session: Session, load_ids: Iterable[int]) -> None:
    """Delete the lines of loads that never came to an end."""
    session.execute(delete(RejectedLine).where(RejectedLine.load_id.in_(list(load_ids))))


@dataclass(frozen=True, slots=True)
class Reason:
    """Refused lines of one load that share a reason."""

    table: str
    date: date
    reason: str
    column: str
    rows: int
    lines: tuple[int, ...]
    """The first few line numbers."""


def reasons(session: Session, source: str, table: str | None = None, day: date | None = None) -> list[Reason]:
    """Why lines of the published partitions of a source were refused."""
    statement = (
        select(
            Partition.table_name, Partition.business_date, RejectedLine.reason, RejectedLine.column_name, func.count()
        )
        .join(Load, Load.id == RejectedLine.load_id)
        .join(Partition, Partition.load_id == Load.id)
        .where(Partition.source == source)
        .group_by(Partition.table_name, Partition.business_date, RejectedLine.reason, RejectedLine.column_name)
        .order_by(Partition.business_date, Partition.table_name, RejectedLine.reason, RejectedLine.column_name)
    )
    if table is not None:
        statement = statement.where(Partition.table_name == table)
    if day is not None:
        statement = statement.where(Partition.business_date == day)
    return [Reason(t, d, r, c, n, _lines(session, source, t, d, r, c)) for t, d, r, c, n in session.execute(statement)]


def _lines(session: Session, source: str, table: str, day: date, reason: str, column: str) -> tuple[int, ...]:
    statement = (
        select(RejectedLine.line)
        .join(Partition, Partition.load_id == RejectedLine.load_id)
        .where(Partition.source == source, Partition.table_name == table, Partition.business_date == day)
        .where(RejectedLine.reason == reason, RejectedLine.column_name == column)
        .order_by(RejectedLine.line)
        .limit(5)
    )
    return tuple(session.scalars(statement))
