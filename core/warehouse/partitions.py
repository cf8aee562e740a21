"""Which files hold what is published. The database decides; the folder is only where they lie."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.contract import Column, Feed
from core.warehouse.models import Load, Partition

TYPES = {
    "text": "VARCHAR",
    "date": "DATE",
    "money": "DECIMAL(18,2)",
    "rate": "DECIMAL(14,7)",
    "decimal": "DECIMAL(30,10)",
    "int": "BIGINT",
}
EVERY = {"legal_entity": "VARCHAR", "source": "VARCHAR", "business_date": "DATE"}
"""Columns that stand in the names of the folders. Read as text and cast: engines guess differently (``01`` and 1)."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published file as readers need it."""

    path: str
    source: str
    table: str
    legal_entity: str
    system: str
    business_date: date
    rows: int


def secret(column: Column) -> bool:
    """True when the partition holds a masked form and a token in place of the value."""
    return column.data_class.startswith("C2.")


def stored(feed: Feed) -> dict[str, str]:
    """Columns of the feed's Parquet files with their SQL types, in order."""
    found: dict[str, str] = {}
    for column in feed.columns:
        found[column.name] = TYPES[column.type]
        if secret(column):
            found[f"{column.name}__token"] = "VARCHAR"
    return found


def relative(feed: str, legal_entity: str, source: str, day: date, table: str, sha256: str) -> str:
    """Where a partition lies below the warehouse folder. The name follows the content, so a file is never changed."""
    place = f"{feed}/legal_entity={legal_entity}/source={source}/business_date={day.isoformat()}"
    return f"{place}/{table}-{sha256[:16]}.parquet"


def published(
    session: Session, feed: str, mode: str, upto: date | None = None, sources: Collection[str] | None = None
) -> list[Published]:
    """Partitions that make up the feed on a day: of a full feed the newest of each table, else every one up to it."""
    statement = select(Partition).where(Partition.feed == feed)
    if upto is not None:
        statement = statement.where(Partition.business_date <= upto)
    if sources is not None:
        statement = statement.where(Partition.source.in_(sorted(sources)))
    found = [
        Published(p.path, p.source, p.table_name, p.legal_entity, p.system, p.business_date, p.rows)
        for p in session.scalars(statement.order_by(Partition.source, Partition.table_name, Partition.business_date))
    ]
    if mode == "incremental":
        return found
    return list({(p.source, p.table): p for p in found}.values())


def newest(session: Session, source: str, table: str, upto: date | None = None) -> Partition | None:
    """The newest published partition of one table, up to a day."""
    statement = select(Partition).where(Partition.source == source, Partition.table_name == table)
    if upto is not None:
        statement = statement.where(Partition.business_date <= upto)
    return session.scalars(statement.order_by(Partition.business_date.desc()).limit(1)).first()


def published_load(session: Session, source: str, table: str, day: date) -> Load | None:
    """The load a table's published partition of that day is of; None when the day is not out."""
    statement = select(Load).join(Partition, Partition.load_id == Load.id)
    return session.scalars(
        statement.where(Partition.source == source, Partition.table_name == table, Partition.business_date == day)
    ).first()


def as_of(session: Session, feed: str) -> date | None:
    """The newest published day of the feed; None when there is none."""
    return session.scalar(select(func.max(Partition.business_date)).where(Partition.feed == feed))


def titles(session: Session, sources: Collection[str]) -> dict[str, str]:
    """Names of source systems as pages show them, by source, as of their newest partition; unpublished ones missing."""
    found: dict[str, str] = {}
    for source in sorted(set(sources)):
        newest = select(Partition.system).where(Partition.source == source).order_by(Partition.id.desc()).limit(1)
        title = session.scalar(newest)
        if title is not None:
            found[source] = title
    return found


@dataclass(frozen=True, slots=True)
class TableStatus:
    """How far one table of one source is."""

    source: str
    table: str
    feed: str
    date: date
    days: int
    rows: int
    rejected: int


def status(session: Session) -> list[TableStatus]:
    """Every published table: newest day, number of days, rows, and refused lines of the published loads."""
    statement = (
        select(
            Partition.source, Partition.table_name, Partition.feed, func.max(Partition.business_date),
            func.count(), func.sum(Partition.rows), func.sum(Load.rows_rejected),
        )
        .join(Load, Load.id == Partition.load_id)
        .group_by(Partition.source, Partition.table_name, Partition.feed)
        .order_by(Partition.source, Partition.table_name)
    )  # fmt: skip
    return [TableStatus(s, t, f, d, n, int(r), int(x)) for s, t, f, d, n, r, x in session.execute(statement)]


def sweep(session: Session, folder: Path, keep: timedelta = timedelta(hours=1)) -> int:
    """Delete Parquet files that nothing lists any more and that no query can still be reading. How many went."""
    listed = set(session.scalars(select(Partition.path)))
    oldest, gone = time() - keep.total_seconds(), 0
    for path in folder.glob("*/legal_entity=*/source=*/business_date=*/*.parquet"):
        if path.relative_to(folder).as_posix() not in listed and path.stat().st_ctime < oldest:
            path.unlink(missing_ok=True)
            gone += 1
    return gone
