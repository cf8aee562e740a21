"""Organisations as the rest of the product refers to them: by code, by name, as a tree to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.orgs.models import Organisation
from core.orgs.tree import subtree_ids

__all__ = ["Place", "below", "ids_by_code", "names", "tree"]


@dataclass(frozen=True, slots=True)
class Place:
    """An open organisation in the tree of today. ``depth`` is 0 for the head office."""

    id: int
    code: str
    name: str
    depth: int


def ids_by_code(session: Session) -> dict[str, int]:
    """Organisation id by code; the code of one that was merged leads to where it went."""
    stands_for = func.coalesce(Organisation.heir_id, Organisation.id).label("org_id")
    return {row.code: row.org_id for row in session.execute(select(Organisation.code, stands_for))}


def names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Name by id, of these organisations, closed ones included; an unknown id is left out."""
    wanted = sorted({i for i in ids if i is not None})
    if not wanted:
        return {}
    rows = session.execute(select(Organisation.id, Organisation.name).where(Organisation.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def tree(session: Session) -> list[Place]:
    """Every organisation that is open today, each right after its parent."""
    rows = session.execute(
        select(Organisation.id, Organisation.code, Organisation.name, Organisation.path).where(
            Organisation.valid_to.is_(None)
        )
    ).all()
    ordered = sorted(rows, key=lambda row: [int(part) for part in row.path.strip("/").split("/") if part])
    return [Place(row.id, row.code, row.name, row.path.strip("/").count("/")) for row in ordered]


def below(session: Session, org_id: int) -> list[int]:
    """Ids of the organisation and everything under it, in order; empty when there is none of that id."""
    return sorted(subtree_ids(session, org_id))
