"""The bank's organisations as customers refer to them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import select

from plugins.customers.models.base import Base

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.orm import Session


def _table() -> Table:
    return Base.metadata.tables["core_organisation"]


def ids_by_code(session: Session) -> dict[str, int]:
    """Organisation id by code; one that was merged leads to where it went."""
    table = _table()
    rows = session.execute(select(table.c.id, table.c.code, table.c.merged_into_id)).all()
    merged = {row.id: row.merged_into_id for row in rows if row.merged_into_id is not None}
    return {row.code: _end(row.id, merged) for row in rows}


def _end(org_id: int, merged: dict[int, int]) -> int:
    seen = {org_id}
    while org_id in merged and merged[org_id] not in seen:
        org_id = merged[org_id]
        seen.add(org_id)
    return org_id


def names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Name by id, of these organisations."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    table = _table()
    rows = session.execute(select(table.c.id, table.c.name).where(table.c.id.in_(sorted(wanted))))
    return {row.id: row.name for row in rows}


def tree(session: Session) -> list[tuple[int, str, int, str]]:
    """``(id, name, depth, path)`` of every organisation that is not closed, each under its parent."""
    table = _table()
    rows = session.execute(
        select(table.c.id, table.c.name, table.c.path).where(table.c.valid_to.is_(None)).order_by(table.c.path)
    ).all()
    ordered = sorted(rows, key=lambda r: [int(part) for part in r.path.strip("/").split("/") if part])
    return [(row.id, row.name, row.path.strip("/").count("/"), row.path) for row in ordered]


def below(session: Session, org_id: int) -> list[int]:
    """Ids of the organisation and everything under it; empty when there is none of that id."""
    table = _table()
    path = session.execute(select(table.c.path).where(table.c.id == org_id)).scalar_one_or_none()
    if path is None:
        return []
    found = session.execute(select(table.c.id).where(table.c.path.startswith(path, autoescape=True)))
    return list(found.scalars())
