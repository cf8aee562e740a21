"""A search finds the same, page by page, whichever way the database goes; and PostgreSQL goes the short one."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from core.sdk.testing.recipes import engine_of
from plugins.customers.models import NameEntry, Party
from plugins.customers.services import search

MANY = 20_000
LAST, RARE = "最后", 5
"""The name of those who come last in the list, and how many they are."""


def crowd() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Many customers of two names, and a few of a third, who sort after all others."""
    people, entries = [], []
    for id_ in range(1, MANY + 1):
        name = LAST if id_ <= RARE else ("一般", "平常")[id_ % 2]
        people.append(
            {
                "id": id_, "party_id": f"P{id_:010d}", "legal_entity": "JQ", "kind": "P", "name": name,
                "sort_name": "zz" if name == LAST else f"a{id_:06d}", "source_hash": "", "version": 1,
                "source_date": date(2026, 11, 22),
            }
        )  # fmt: skip
        entries += [{"party_id": id_, "text": part} for part in (name, name[1:])]
    return people, entries


def plan(session: Any, statement: Any) -> str:
    sql = str(statement.compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
    return "\n".join(session.scalars(text("EXPLAIN " + sql.replace("%%", "%"))))


@pytest.mark.database("empty")
def test_postgresql_gathers_the_hits_and_sorts_them(bank: Any) -> None:
    if bank.session.get_bind().dialect.name == "sqlite":
        pytest.skip("SQLite looks the names up first whenever it can")
    for table, rows in zip((Party.__table__, NameEntry.__table__), crowd(), strict=True):
        bank.session.execute(insert(table), rows)
    bank.session.commit()
    bank.session.execute(text("ANALYZE"))
    listed = select(Party.id).order_by(Party.sort_name, Party.id).limit(21)
    for query, found in ((LAST, RARE), ("平常", 21), ("x1", 0)):
        statement = listed.where(search.matching(query))
        assert len(bank.session.scalars(statement).all()) == found
        way = plan(bank.session, statement)
        assert "ix_customers_name_entry_text" in way or "Seq Scan on customers_name_entry" in way, way
        assert "customers_party_sort_name" not in way, way
        assert "Seq Scan on customers_party" not in way, way


def test_the_pages_of_a_search_together_are_what_it_finds_in_order(clerk: Any, chief: Any, database_url: str) -> None:
    engine = engine_of(database_url)
    with engine.connect() as connection:
        wanted = select(Party.__table__.c.party_id).where(Party.__table__.c.name.like("王%"))
        ordered = wanted.order_by(Party.__table__.c.sort_name, Party.__table__.c.id)
        expected = list(connection.scalars(ordered))
    engine.dispose()
    assert len(expected) == 40
    for client in (clerk, chief):
        seen, url, pages = [], "/customers/?q=wang", 0
        while url:
            html = client.get(url).text
            seen += re.findall(r"<td[^>]*>(P\d{10})</td>", html)
            following = re.search(r'<a href="([^"]+)" aria-label="下一页"', html)
            url, pages = following.group(1).replace("&amp;", "&") if following else "", pages + 1
        assert (seen, pages) == (expected, 2)


@pytest.mark.parametrize("query", ["D1", "P000000004", "zhaoyun"])
def test_each_way_of_finding_stays_in_the_own_branch(clerk: Any, chief: Any, query: str) -> None:
    def found(client: Any) -> set[str]:
        html = client.get("/customers/", query_string={"q": query}, follow_redirects=True).text
        return set(re.findall(r"<td[^>]*>(P\d{10})</td>", html))

    assert "P0000000041" in found(chief)
    assert "P0000000041" not in found(clerk)
