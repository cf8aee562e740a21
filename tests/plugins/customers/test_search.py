"""Finding customers in the database, on both."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text

from plugins.customers.models import Party
from plugins.customers.services import parties, search

pytestmark = pytest.mark.database("empty")


def row(source_cust_id: str, **changes: Any) -> dict[str, Any]:
    plain = {"kind": "P", "name": None, "org_code": "0101", "open_date": date(2012, 5, 18), "status": "ACTIVE"}
    return {**plain, "source_cust_id": source_cust_id, **changes}


CROWD = (
    row("A1", name="单雄信", cert_type="ID", cert_no="11010519491231002X", mobile="13912345678"),
    row("A2", name="阿卜杜拉·买买提", cert_type="ID", cert_no="340524800101001", mobile="+86 137 0000 5678"),
    row("A3", name="杭州市滨江精工有限公司", kind="C", cert_type="USCC", cert_no="91350100M000100Y43"),
    row("A4", name="吕布"),
    row("A5", name="Emma Smith", cert_no="926-93-2157", mobile="367-171-6840"),
    row("A6"),
)


@pytest.fixture
def find(bank: Any) -> Any:
    bank.deliver(*CROWD)

    def names(query: str) -> set[str | None]:
        return set(bank.session.scalars(select(Party.name).where(search.matching(query))))

    return names


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("单", "单雄信"),
        ("雄信", "单雄信"),
        ("shanxiongxin", "单雄信"),
        ("sxx", "单雄信"),
        ("dxx", "单雄信"),
        ("ＳＸＸ", "单雄信"),
        ("阿卜杜拉买买提", "阿卜杜拉·买买提"),
        ("买买提", "阿卜杜拉·买买提"),
        ("精工", "杭州市滨江精工有限公司"),
        ("bjjg", "杭州市滨江精工有限公司"),
        ("lvbu", "吕布"),
        ("lubu", "吕布"),
        ("smith", "Emma Smith"),
        ("P0000000001", "单雄信"),
        ("p000000000", "单雄信"),
        ("0000000003", "杭州市滨江精工有限公司"),
        ("A4", "吕布"),
        ("002X", "单雄信"),
        ("002x", "单雄信"),
        ("5678", "阿卜杜拉·买买提"),
        ("13912345678", "单雄信"),
        ("139 1234 5678", "单雄信"),
        ("11010519491231002x", "单雄信"),
        ("340524800101001", "阿卜杜拉·买买提"),
        ("34052419800101001X", "阿卜杜拉·买买提"),
        ("91350100m000100y43", "杭州市滨江精工有限公司"),
        ("926-93-2157", "Emma Smith"),
    ],
)
def test_a_query_finds(find: Any, query: str, name: str) -> None:
    assert name in find(query)


@pytest.mark.parametrize("query", ["", "   ", "信雄", "9999", "%", "_", "13912345679", "'; --", "·", "P99"])
def test_a_query_finds_nobody(find: Any, query: str) -> None:
    assert find(query) == set()


def test_the_last_four_belong_to_all_who_have_them(find: Any) -> None:
    assert find("5678") == {"单雄信", "阿卜杜拉·买买提"}


def test_only_lookups_by_a_number_are_told_as_such() -> None:
    told = {q: search.Question(q).by_identifier for q in ("5678", "002X", "13912345678", "张三", "zs", "P0000000001")}
    assert told == {
        "5678": True, "002X": True, "13912345678": True, "张三": False, "zs": False, "P0000000001": False,
    }  # fmt: skip


def test_names_and_numbers_are_read_from_an_index(bank: Any) -> None:
    bank.deliver(*CROWD)
    if bank.session.get_bind().dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans a table of six rows by reading it")
    for query in ("雄信", "5678"):
        statement = select(Party.id).where(search.matching(query))
        sql = str(statement.compile(bank.session.get_bind(), compile_kwargs={"literal_binds": True}))
        plan = " ".join(line[3] for line in bank.session.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
        assert "SCAN" not in plan, plan


def test_a_short_name_is_found_and_survives_the_next_delivery(bank: Any) -> None:
    bank.deliver(*CROWD)
    party = parties.by_number(bank.session, "P0000000004")
    assert party is not None
    assert parties.edit(bank.session, party, {"short_name": "奉先", "remark": " "}) == {"short_name": (None, "奉先")}
    bank.session.commit()
    assert [p.name for p in parties.found(bank.session, "fx", 5)] == ["吕布"]
    bank.deliver(*CROWD[:3], row("A4", name="吕奉先"), *CROWD[4:], business_date=date(2026, 11, 23))
    assert [p.name for p in parties.found(bank.session, "奉先", 5)] == ["吕奉先"]


def test_lists_sort_alike_on_both_databases(bank: Any) -> None:
    bank.deliver(
        *(row(f"S{i}", name=n) for i, n in enumerate(["张三丰", None, "欧阳锋", "阿炳", "章三", "Zoe", "张三"]))
    )
    ordered = bank.session.scalars(select(Party.name).order_by(Party.sort_name, Party.id)).all()
    assert list(ordered) == ["阿炳", "欧阳锋", "张三", "章三", "张三丰", "Zoe", None]


def test_an_organisation_means_everything_below_it(bank: Any) -> None:
    bank.deliver(
        row("H", name="总", org_code="0001"), row("B", name="支", org_code="0101"), row("N", name="无", org_code=None)
    )

    def names(org_id: int) -> set[str | None]:
        return {p.name for p in bank.session.scalars(parties.listing(bank.session, parties.Filters(org_id=org_id)))}

    assert names(bank.orgs["0001"]) == {"总", "支"}
    assert names(bank.orgs["0101"]) == {"支"}
    assert names(99) == set()
