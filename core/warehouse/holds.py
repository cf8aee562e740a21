"""Held files: which they are, how somebody lets one pass, and that this is remembered.

A release belongs to the bytes that were looked at. Delivered again with others, the file is judged again.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract import Action
from core.db.session import system_session
from core.monitoring import audit
from core.warehouse.arrival import Delivery
from core.warehouse.models import Load, LoadState
from core.warehouse.words import _

RELEASE = Action(
    "core.warehouse.release",
    "Release a held file",
    "Lets a delivery pass that the nightly load did not believe; who looked at it, and why it is right, is recorded",
    business_data=False,
)


@dataclass(frozen=True, slots=True)
class Held:
    """A file that waits for somebody to look at it."""

    source: str
    table: str
    date: date
    message: str
    """Why, and the command that releases it."""


def held(session: Session) -> list[Held]:
    """Files that are held and not released, oldest day first."""
    statement = select(Load).where(Load.state == LoadState.HELD, Load.released.is_(False))
    loads = session.scalars(statement.order_by(Load.source, Load.business_date, Load.table_name))
    return [Held(load.source, load.table_name, load.business_date, load.message) for load in loads]


def how_to_release(delivery: Delivery) -> str:
    """The sentence that ends the message about a held file."""
    table, day = shlex.quote(delivery.table.name), delivery.business_date.isoformat()
    command = f"crm source load {delivery.source.name} --release --table {table} --date {day}"
    who, why = _("USER"), _("REASON")
    return _("Once checked, release it with: %(command)s", command=f"{command} --by {who} --reason {why}")


def is_released(session: Session, delivery: Delivery, sha256: str) -> bool:
    """True when somebody released this very file."""
    statement = select(Load.id).where(
        Load.source == delivery.source.name, Load.table_name == delivery.table.name,
        Load.business_date == delivery.business_date, Load.state.in_([LoadState.HELD, LoadState.FAILED]),
        Load.sha256 == sha256, Load.released.is_(True),
    )  # fmt: skip
    return session.scalar(statement.limit(1)) is not None


def release(source: str, table: str | None, day: date | None, reason: str) -> int:
    """Let held files of the source pass in the next run, with one audit entry each. How many there were.

    The entries name the actor in force; that they hold ``RELEASE`` is for the caller to see to.

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("a release needs a reason")
    statement = select(Load).where(Load.source == source, Load.state == LoadState.HELD, Load.released.is_(False))
    if table is not None:
        statement = statement.where(Load.table_name == table)
    if day is not None:
        statement = statement.where(Load.business_date == day)
    with system_session("warehouse release") as session:
        loads = list(session.scalars(statement))
        for load in loads:
            load.released = True
            _remember(session, load, reason.strip())
        session.commit()
    return len(loads)


def _remember(session: Session, load: Load, reason: str) -> None:
    detail = {
        "source": load.source, "table": load.table_name, "date": load.business_date.isoformat(),
        "sha256": load.sha256, "held_because": load.message,
    }  # fmt: skip
    key = f"{load.source}/{load.table_name}/{load.business_date.isoformat()}"
    audit.record(session, "warehouse.release", subject="warehouse.file", key=key, detail=detail, reason=reason)
