"""A feed whose rows refer to rows of the same feed: a parent is looked for in the file that brings the child."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from sqlalchemy import select

from core.contract import Column, Feed
from core.db.session import system_session
from core.warehouse.models import Load, LoadState, RejectedLine

Mode = Literal["full", "incremental"]
DAY1, DAY2 = date(2026, 9, 29), date(2026, 9, 30)


def units(bank: Any, mode: Mode) -> None:
    """The source delivers one table of units, each under another one."""
    columns = (
        Column("id", "text", "Id"),
        Column("parent", "text", "Parent", True, references="customers.unit.id"),
        Column("size", "int", "Size", True),
    )
    bank.registry.things["crm_feeds"] = [Feed("customers.unit", "Units", columns, ("id",), mode)]
    table = {
        "feed": "customers.unit", "file": "unit.del", "mode": mode, "names": ["id", "up", "size"],
        "columns": {"id": "id", "parent": "up", "size": "size"},
    }  # fmt: skip
    bank.description = {**bank.description, "max_shrink": "1", "tables": {"unit": table}}


def refused() -> list[tuple[date, int, str]]:
    statement = select(Load.business_date, RejectedLine.line, RejectedLine.reason)
    statement = statement.join(Load, Load.id == RejectedLine.load_id).where(Load.state == LoadState.PUBLISHED)
    with system_session("test") as session:
        rows = session.execute(statement.order_by(Load.business_date, RejectedLine.line)).all()
        return [(row.business_date, row.line, row.reason) for row in rows]


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_on_the_first_day_parents_are_found_before_and_after_their_children(bank: Any, mode: Mode) -> None:
    units(bank, mode)
    bank.deliver(DAY1, {"unit": ["U3|$|U2|$|1", "U1|$||$|1", "U2|$|U1|$|1", "U9|$|U9|$|1"]})
    (outcome,) = bank.run().loads
    assert (outcome.state, outcome.loaded, refused()) == ("published", 4, [])


def test_what_is_refused_takes_those_below_it_along(bank: Any) -> None:
    units(bank, "full")
    lines = [
        "U1|$||$|1",
        "U2|$|U1|$|many",
        "U3|$|U2|$|1",
        "U4|$|U3|$|1",
        "U5|$|nowhere|$|1",
        "U6|$|U5|$|1",
        "U7|$|U1|$|1",
    ]
    bank.deliver(DAY1, {"unit": lines})
    (outcome,) = bank.run().loads
    assert outcome.loaded == 2
    assert [(line, reason) for _, line, reason in refused()] == [
        (2, "bad_number"), (3, "unknown_reference"), (4, "unknown_reference"), (5, "unknown_reference"),
        (6, "unknown_reference"),
    ]  # fmt: skip


@pytest.mark.parametrize(("mode", "lost"), [("full", [(DAY2, 2, "unknown_reference")]), ("incremental", [])])
def test_on_a_later_day_a_full_file_stands_in_for_the_one_before(
    bank: Any, mode: Mode, lost: list[tuple[date, int, str]]
) -> None:
    units(bank, mode)
    bank.deliver(DAY1, {"unit": ["U1|$||$|1", "U2|$||$|1"]})
    bank.deliver(DAY2, {"unit": ["U3|$||$|1", "U4|$|U2|$|1", "U5|$|U3|$|1"]})
    assert [outcome.state for outcome in bank.run().loads] == ["published", "published"]
    assert refused() == lost
