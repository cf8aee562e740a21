"""Changing and reading the organisation tree. Services take a session; the caller commits.

Dates are business days, both ends inclusive. A change takes effect today or on an earlier day: a change of a coming
day is entered on that day. ``path`` always is the chain of parents as it stands today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from core.db import types
from core.monitoring import audit
from core.orgs.models import Employee, Level, Organisation, Placement, Post

DAY = timedelta(days=1)


class OrgError(Exception):
    """The change would break the tree. The message says how."""


@dataclass(frozen=True, slots=True)
class Node:
    """An organisation in the tree of one day."""

    id: int
    code: str
    name: str
    level: Level
    parent_id: int | None


def create(
    session: Session, code: str, name: str, level: Level, *, parent: Organisation | None = None, on: date
) -> Organisation:
    """A new organisation from ``on``.

    Raises:
        OrgError: the code is taken, the parent is closed or not above, or there is a head office already.
    """
    if session.scalar(select(Organisation.id).where(Organisation.code == code)) is not None:
        raise OrgError(f"code {code!r} is taken")
    _check_parent(session, level, parent, on)
    org = Organisation(
        code=code, name=name, level=level.value, parent_id=parent.id if parent else None, path="", valid_from=on
    )
    session.add(org)
    session.flush()
    org.path = f"{parent.path if parent else '/'}{org.id}/"
    session.add(Placement(org_id=org.id, parent_id=org.parent_id, valid_from=on))
    audit.record(session, "orgs.created", subject="core.organisation", key=org.id)
    session.flush()
    return org


def _check_parent(session: Session, level: Level, parent: Organisation | None, on: date) -> None:
    if parent is None:
        if level is not Level.HEAD:
            raise OrgError(f"a {level.value} needs a parent")
        open_head = select(Organisation.id).where(Organisation.parent_id.is_(None), Organisation.valid_to.is_(None))
        if session.scalar(open_head) is not None:
            raise OrgError("there is a head office already")
        return
    if Level(parent.level).depth >= level.depth:
        raise OrgError(f"a {level.value} cannot stand under a {parent.level}")
    if parent.valid_to is not None or parent.valid_from > on:
        raise OrgError(f"{parent.code} is not open on {on}")


def move(session: Session, org: Organisation, parent: Organisation, on: date, *, today: date | None = None) -> None:
    """Put an organisation, with everything below it, under another parent from ``on``.

    Raises:
        OrgError: into its own subtree, under a closed or not higher parent, a coming day, or before the move before.
    """
    check_day(on, today)
    _check_open(org)
    if parent.path.startswith(org.path):
        raise OrgError(f"{parent.code} stands below {org.code}")
    _check_parent(session, Level(org.level), parent, on)
    if org.parent_id == parent.id:
        return
    _place(session, org, parent, on)
    audit.record(session, "orgs.moved", subject="core.organisation", key=org.id, detail={"parent": parent.id})


def _place(session: Session, org: Organisation, parent: Organisation, on: date) -> None:
    """Write the new placement, close the one before, and carry the path of the whole subtree along."""
    current = session.scalars(select(Placement).where(Placement.org_id == org.id, Placement.valid_to.is_(None))).one()
    if on < current.valid_from:
        raise OrgError(f"{org.code} came to its place only on {current.valid_from}")
    if on == current.valid_from:
        current.parent_id = parent.id
    else:
        current.valid_to = on - DAY
        session.add(Placement(org_id=org.id, parent_id=parent.id, valid_from=on))
    org.parent_id = parent.id
    old, new = org.path, f"{parent.path}{org.id}/"
    session.flush()
    session.execute(
        update(Organisation)
        .where(Organisation.path.startswith(old, autoescape=True))
        .values(path=new + func.substr(Organisation.path, len(old) + 1))
        .execution_options(synchronize_session=False)
    )
    session.expire_all()


def close(session: Session, org: Organisation, on: date, *, today: date | None = None) -> None:
    """Close an organisation; ``on`` is its last day.

    Raises:
        OrgError: something open stands below it, or somebody works there on a later day.
    """
    check_day(on, today)
    _check_open(org)
    _check_no_later_change(session, org, on + DAY)
    below = session.scalar(
        select(func.count(Organisation.id)).where(Organisation.parent_id == org.id, Organisation.valid_to.is_(None))
    )
    if below:
        raise OrgError(f"{below} organisations below {org.code} are still open")
    if _people(session, org.id, on):
        raise OrgError(f"people still work in {org.code}; move them or merge it into another")
    _end(session, org, on)
    audit.record(session, "orgs.closed", subject="core.organisation", key=org.id)
    session.flush()


def _people(session: Session, org_id: int, last: date) -> bool:
    """True when somebody is there, or holds a post there, after that day: without an end, or until a later one."""
    return any(
        session.scalar(
            select(model.id)
            .where(model.org_id == org_id, or_(model.valid_to.is_(None), model.valid_to > last))
            .limit(1)
        )
        for model in (Employee, Post)
    )


def _end(session: Session, org: Organisation, last: date) -> None:
    org.valid_to = last
    session.execute(
        update(Placement).where(Placement.org_id == org.id, Placement.valid_to.is_(None)).values(valid_to=last)
    )


def merge(session: Session, org: Organisation, into: Organisation, on: date, *, today: date | None = None) -> None:
    """Dissolve an organisation into another from ``on``: what stands below it, its people and their posts move over.

    Its history stays: the tree of earlier days still shows it, and closed posts stay where they were held.

    Raises:
        OrgError: into itself or something below it or on a lower level, or one of the two is not open.
    """
    check_day(on, today)
    _check_open(org)
    if into.path.startswith(org.path):
        raise OrgError(f"{org.code} cannot merge into {into.code}, which is itself or stands below it")
    if Level(into.level).depth > Level(org.level).depth:
        raise OrgError(f"a {org.level} cannot merge into a {into.level}")
    if into.valid_to is not None or into.valid_from > on:
        raise OrgError(f"{into.code} is not open on {on}")
    _check_no_later_change(session, org, on)
    children = select(Organisation).where(Organisation.parent_id == org.id, Organisation.valid_to.is_(None))
    for child_id in [child.id for child in session.scalars(children)]:
        child = session.get_one(Organisation, child_id)
        _place(session, child, into, max(on, _placed_from(session, child_id)))
    _move_people(session, org.id, into.id, on)
    _end(session, org, on - DAY)
    session.execute(update(Organisation).where(Organisation.heir_id == org.id).values(heir_id=into.id))
    org.merged_into_id = org.heir_id = into.id
    audit.record(session, "orgs.merged", subject="core.organisation", key=org.id, detail={"into": into.id})
    session.flush()
    session.expire_all()


def _check_no_later_change(session: Session, org: Organisation, on: date) -> None:
    """A backdated end must not leave something hanging below an organisation that was closed by then."""
    hung = select(Placement.id).where(Placement.parent_id == org.id, Placement.valid_to >= on)
    if session.scalar(hung.limit(1)) is not None:
        raise OrgError(f"something stood below {org.code} until {on} or later; choose a later day")
    if _placed_from(session, org.id) >= on:
        raise OrgError(f"{org.code} came to its place only later than {on - DAY}; choose a later day")


def _placed_from(session: Session, org_id: int) -> date:
    query = select(Placement.valid_from).where(Placement.org_id == org_id, Placement.valid_to.is_(None))
    return session.scalars(query).one()


def _move_people(session: Session, org_id: int, into_id: int, on: date) -> None:
    here = Employee.org_id == org_id
    session.execute(
        update(Employee).where(here, or_(Employee.valid_to.is_(None), Employee.valid_to >= on)).values(org_id=into_id)
    )
    held = select(Post).where(Post.org_id == org_id, or_(Post.valid_to.is_(None), Post.valid_to >= on))
    for post in session.scalars(held).all():
        if post.valid_from >= on:
            post.org_id = into_id
            continue
        session.add(
            Post(employee_id=post.employee_id, org_id=into_id, title=post.title, valid_from=on, valid_to=post.valid_to)
        )
        post.valid_to = on - DAY


def check_day(on: date, today: date | None) -> None:
    """``OrgError`` when the day is still to come; ``today`` is the bank's day where none is given."""
    if on > (today or types.today()):
        raise OrgError(f"{on} has not come yet; enter the change on that day")


def _check_open(org: Organisation) -> None:
    if org.valid_to is not None:
        raise OrgError(f"{org.code} was closed on {org.valid_to}")


# -- reading -----------------------------------------------------------------------------------------------------------


def by_code(session: Session, code: str) -> Organisation | None:
    """The organisation of that code."""
    return session.scalars(select(Organisation).where(Organisation.code == code)).one_or_none()


def subtree_ids(session: Session, org_id: int) -> frozenset[int]:
    """Ids of an organisation and everything below it today, closed ones included; empty for an unknown one."""
    path = session.scalar(select(Organisation.path).where(Organisation.id == org_id))
    if path is None:
        return frozenset()
    below = select(Organisation.id).where(Organisation.path.startswith(path, autoescape=True))
    return frozenset(session.scalars(below))


def tree(session: Session, on: date) -> list[Node]:
    """The tree as it stood on that day, parents before children, siblings by code."""
    query = (
        select(Organisation, Placement.parent_id)
        .join(Placement, Placement.org_id == Organisation.id)
        .where(Placement.valid_from <= on, or_(Placement.valid_to.is_(None), Placement.valid_to >= on))
        .order_by(Organisation.code)
    )
    below: dict[int | None, list[Node]] = {}
    for org, parent_id in session.execute(query):
        below.setdefault(parent_id, []).append(Node(org.id, org.code, org.name, Level(org.level), parent_id))
    ordered: list[Node] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        waiting.extend(reversed(below.get(node.id, [])))
    return ordered


def successor(session: Session, org_id: int, on: date) -> int | None:
    """The organisation that stands for ``org_id`` on that day: itself while it is open, else what it merged into, and
    so on; None when it was closed without a successor, or is unknown."""
    seen: set[int] = set()
    current: int | None = org_id
    while current is not None and current not in seen:
        seen.add(current)
        org = session.get(Organisation, current)
        if org is None:
            return None
        if org.valid_to is None or org.valid_to >= on:
            return org.id
        current = org.merged_into_id
    return None
