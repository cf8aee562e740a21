"""Employees and the posts they hold."""

from __future__ import annotations

from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core.orgs.models import Employee, Organisation, Post
from core.orgs.tree import DAY, OrgError, check_day


def hire(session: Session, number: str, name: str, org: Organisation, *, title: str, on: date) -> Employee:
    """A new employee with a first post.

    Raises:
        OrgError: the number is taken, or the organisation is not open on that day.
    """
    if session.scalar(select(Employee.id).where(Employee.number == number)) is not None:
        raise OrgError(f"employee number {number!r} is taken")
    employee = Employee(number=number, name=name, org_id=org.id, valid_from=on)
    _check_open(org, on)
    session.add(employee)
    session.flush()
    appoint(session, employee, org, title, on=on)
    return employee


def appoint(session: Session, employee: Employee, org: Organisation, title: str, *, on: date) -> Post:
    """One more post for an employee.

    Raises:
        OrgError: the organisation is not open on that day.
    """
    _check_open(org, on)
    post = Post(employee_id=employee.id, org_id=org.id, title=title, valid_from=on)
    session.add(post)
    session.flush()
    return post


def transfer(
    session: Session, employee: Employee, org: Organisation, title: str, *, on: date, today: date | None = None
) -> Post:
    """End what an employee holds and give them one post in another organisation from ``on``.

    The rows an employee sees follow at once, so the change is entered when its day has come.

    Raises:
        OrgError: a coming day, or the organisation is not open on that day.
    """
    check_day(on, today)
    _check_open(org, on)
    _end_posts(session, employee, on - DAY)
    employee.org_id = org.id
    return appoint(session, employee, org, title, on=on)


def leave(session: Session, employee: Employee, *, on: date) -> None:
    """The employee's last day."""
    _end_posts(session, employee, on)
    employee.valid_to = on
    session.flush()


def _end_posts(session: Session, employee: Employee, last: date) -> None:
    held = select(Post).where(Post.employee_id == employee.id, or_(Post.valid_to.is_(None), Post.valid_to > last))
    for post in session.scalars(held).all():
        if post.valid_from > last:
            session.delete(post)  # it would have ended before it began: it never came to be
        else:
            post.valid_to = last


def _check_open(org: Organisation, on: date) -> None:
    if org.valid_from > on or (org.valid_to is not None and org.valid_to < on):
        raise OrgError(f"{org.code} is not open on {on}")


def posts(session: Session, employee_id: int, on: date) -> list[Post]:
    """The posts an employee holds on that day, oldest first."""
    query = select(Post).where(
        Post.employee_id == employee_id, Post.valid_from <= on, or_(Post.valid_to.is_(None), Post.valid_to >= on)
    )
    return list(session.scalars(query.order_by(Post.id)))
