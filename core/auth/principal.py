"""Who is signed in, as pages see them: plain values, good beyond the transaction that read them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """The organisation an employee works in."""

    id: int
    code: str
    name: str
    level: str


@dataclass(frozen=True, slots=True)
class EmployeeView:
    """The employee behind a user."""

    id: int
    number: str
    name: str
    org_id: int
    organisation: OrganisationView | None


@dataclass(frozen=True, slots=True)
class Principal:
    """What ``current_user`` is when somebody is signed in."""

    id: int
    username: str
    employee_id: int | None
    employee: EmployeeView | None
    session_id: int
    must_change_password: bool
    created_at: datetime
    seen_at: datetime
    has_password: bool
    """False for users whom only another directory recognises: they change their password there."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    @property
    def name(self) -> str:
        """The employee's name, else the user name."""
        return self.employee.name if self.employee else self.username

    @property
    def org_id(self) -> int | None:
        """The organisation the employee works in."""
        return self.employee.org_id if self.employee else None

    def get_id(self) -> str:
        """What Flask-Login asks."""
        return str(self.id)
