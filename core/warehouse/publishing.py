"""The one transaction in which a day becomes visible."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from core.db.types import now
from core.warehouse.failpoints import reach
from core.warehouse.models import Load, LoadState, Partition
from core.warehouse.partitions import newest, relative
from core.warehouse.staging import Staged


@dataclass(frozen=True, slots=True)
class DayPublication:
    """The :class:`core.contract.Publication` a feed's ``apply`` gets."""

    session: Session
    staged: Staged

    @property
    def source(self) -> str:
        """Name of the source description."""
        return self.staged.delivery.source.name

    @property
    def legal_entity(self) -> str:
        """Legal entity the source belongs to."""
        return self.staged.delivery.source.legal_entity

    @property
    def business_date(self) -> date:
        """The day being published."""
        return self.staged.delivery.business_date

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """The accepted rows, typed, identifiers in plain text; may be asked for again."""
        return self.staged.accepted()


class ApplyFailed(Exception):
    """What a module does with its rows failed. ``position`` tells with which of the files."""

    def __init__(self, position: int, reason: Exception) -> None:
        super().__init__(repr(reason))
        self.position = position


def place(staged: Sequence[Staged], folder: Path) -> dict[int, str]:
    """Rename the staged files to where they will be read; nothing lists them yet. Paths by position."""
    paths = {}
    for number, item in enumerate(staged):
        paths[number] = _path(item)
        target = folder / paths[number]
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.file.exists():  # else it lies there already, from a try that another file brought down
            os.replace(item.file, target)
            _sync(target.parent)
    reach("renamed")
    return paths


def _path(item: Staged) -> str:
    source, day = item.delivery.source, item.delivery.business_date
    return relative(item.feed.name, source.legal_entity, source.name, day, item.delivery.table.name, item.sha256)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def publish(session: Session, staged: Sequence[Staged], loads: Sequence[int], paths: Mapping[int, str]) -> None:
    """List the partitions, let the feeds write what belongs in the database, close the loads. The caller commits."""
    current = [_is_newest(session, item) for item in staged]
    for number, item in enumerate(staged):
        _list(session, item, loads[number], paths[number])
    session.flush()
    reach("partitions_written")
    for number, (item, is_newest) in enumerate(zip(staged, current, strict=True)):
        # An older full file tells what once was; the database keeps what is.
        if item.feed.apply is not None and (is_newest or item.feed.mode == "incremental"):
            _apply(session, item, number)
    reach("applied")


def superseded(load: Load) -> tuple[ColumnElement[bool], ...]:
    """Conditions on what earlier runs noted about the same file of the same day and is void once this load ends.

    What somebody released is void only once the bytes are known: a load that failed before it had seen them says
    nothing about the file that was looked at.
    """
    same = (Load.source == load.source, Load.table_name == load.table_name, Load.business_date == load.business_date)
    ended = (*same, Load.state.in_([LoadState.FAILED, LoadState.HELD]), Load.id != load.id)
    return ended if load.sha256 else (*ended, Load.released.is_(False))


def _apply(session: Session, item: Staged, number: int) -> None:
    if item.feed.apply is None:
        return
    try:
        item.feed.apply(DayPublication(session, item))
    except Exception as error:  # a plugin's code may raise anything, and the batch must go on to the next source
        raise ApplyFailed(number, error) from error


def _is_newest(session: Session, item: Staged) -> bool:
    last = newest(session, item.delivery.source.name, item.delivery.table.name)
    return last is None or last.business_date <= item.delivery.business_date


def _list(session: Session, item: Staged, load_id: int, path: str) -> None:
    source, table, day = item.delivery.source, item.delivery.table, item.delivery.business_date
    same = (Load.source == source.name, Load.table_name == table.name, Load.business_date == day)
    session.execute(
        update(Load)
        .where(*same, Load.state == LoadState.PUBLISHED, Load.id != load_id)
        .values(state=LoadState.REPLACED)
    )
    load = session.get_one(Load, load_id)
    load.state, load.sha256, load.ended_at = LoadState.PUBLISHED, item.source_sha256, now()
    session.execute(delete(Load).where(*superseded(load)))
    load.rows_read, load.rows_loaded, load.rows_rejected = item.rows_read, item.rows, len(item.refusals)
    partition = session.scalars(
        select(Partition).where(
            Partition.source == source.name, Partition.table_name == table.name, Partition.business_date == day
        )
    ).first() or Partition(source=source.name, table_name=table.name, business_date=day)
    partition.feed, partition.legal_entity, partition.system = item.feed.name, source.legal_entity, source.system
    partition.path, partition.sha256, partition.rows = path, item.sha256, item.rows
    partition.load_id, partition.published_at = load_id, now()
    session.add(partition)
