"""What plugins learn about organisations, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from core.sdk import orgs

TODAY = date.today()
FOUNDED = TODAY - timedelta(days=900)


@pytest.fixture
def bank(unsafe_session: Any) -> Any:
    from core.orgs import tree
    from core.orgs.models import Level

    session, made = unsafe_session, {}
    for code, level, parent in (
        ("0000", Level.HEAD, None), ("0100", Level.BRANCH, "0000"), ("0101", Level.SUBBRANCH, "0100"),
        ("0102", Level.SUBBRANCH, "0100"), ("0200", Level.BRANCH, "0000"),
    ):  # fmt: skip
        above = made.get(parent or "")
        made[code] = tree.create(session, code, f"机构{code}", level, parent=above, on=FOUNDED)
    tree.merge(session, made["0102"], made["0101"], TODAY, today=TODAY)
    session.commit()
    return session, {code: org.id for code, org in made.items()}


def test_the_code_of_a_merged_one_leads_to_its_successor(bank: Any) -> None:
    session, ids = bank
    assert orgs.ids_by_code(session) == {**ids, "0102": ids["0101"]}


def test_names_also_of_closed_ones_and_none_of_unknown_ones(bank: Any) -> None:
    session, ids = bank
    assert orgs.names(session, [ids["0102"], None, 999]) == {ids["0102"]: "机构0102"}
    assert orgs.names(session, []) == {}


def test_the_tree_holds_open_ones_each_after_its_parent(bank: Any) -> None:
    session, _ids = bank
    assert [(p.code, p.depth) for p in orgs.tree(session)] == [("0000", 0), ("0100", 1), ("0101", 2), ("0200", 1)]


def test_below_means_itself_and_all_under_it(bank: Any) -> None:
    session, ids = bank
    assert orgs.below(session, ids["0100"]) == sorted(ids[code] for code in ("0100", "0101", "0102"))
    assert orgs.below(session, 999) == []
