"""Taking a delivery in: who is new, who changed, who is gone."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from plugins.customers.models import NameEntry, Party, Xref

pytestmark = pytest.mark.database("empty")


def row(source_cust_id: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "kind": "P", "name": "张国强", "org_code": "0101", "cert_type": "ID", "cert_no": "11010519491231002X",
        "mobile": "+86 139 1234 5678", "gender": "2", "birth_date": date(1949, 12, 31), "nationality": "CHN",
        "occupation": None, "address": "北京市朝阳区建国路1号", "email": "zgq@example.cn", "legal_rep": None,
        "industry": None, "reg_capital": None, "open_date": date(2012, 5, 18), "status": "ACTIVE",
    }  # fmt: skip
    return {**plain, "source_cust_id": source_cust_id, **changes}


def one(bank: Any, number: str) -> Party:
    bank.session.expire_all()
    statement = select(Party).join(Xref, Xref.party_id == Party.id).where(Xref.source_cust_id == number)
    party: Party = bank.session.scalars(statement).one()
    return party


def test_a_new_customer_gets_a_number_a_home_and_its_identifiers_in_normal_form(bank: Any) -> None:
    tally = bank.deliver(row("C1", cert_no="11010519491231002x"))
    party = one(bank, "C1")
    assert (tally.rows, tally.added, tally.changed, tally.gone) == (1, 1, 0, 0)
    assert party.party_id == "P0000000001"
    assert party.home_org_id == bank.orgs["0101"]
    assert party.mobile == "13912345678"
    assert party.cert_no == "11010519491231002X"
    assert party.sort_name.startswith("zhang guo qiang")
    assert (party.legal_entity, party.source_date, party.version) == ("JQ", date(2026, 11, 22), 1)


def test_identifiers_are_not_readable_in_the_table(bank: Any) -> None:
    bank.deliver(row("C1"))
    stored = bank.session.execute(text("SELECT * FROM customers_party")).one()
    everything = " ".join(str(value) for value in stored)
    for secret in ("11010519491231002X", "13912345678", "建国路", "zgq@example.cn"):
        assert secret not in everything


def test_the_same_delivery_again_writes_nothing(bank: Any) -> None:
    bank.deliver(row("C1"), row("C2", name="李四"))
    before = bank.session.execute(text("SELECT * FROM customers_party ORDER BY id")).all()
    tally = bank.deliver(row("C1"), row("C2", name="李四"), business_date=date(2026, 11, 23))
    assert (tally.added, tally.changed, tally.gone) == (0, 0, 0)
    assert bank.session.execute(text("SELECT * FROM customers_party ORDER BY id")).all() == before


def test_a_change_keeps_the_number_and_what_the_crm_itself_knows(bank: Any) -> None:
    bank.deliver(row("C1"))
    party = one(bank, "C1")
    party.short_name = "老张"
    bank.session.commit()
    tally = bank.deliver(row("C1", name="张国庆", cert_no="34052419800101001X"), business_date=date(2026, 11, 23))
    party = one(bank, "C1")
    assert (tally.added, tally.changed) == (0, 1)
    assert (party.party_id, party.name, party.short_name) == ("P0000000001", "张国庆", "老张")
    entries = set(bank.session.scalars(select(NameEntry.text).where(NameEntry.party_id == party.id)))
    assert "国庆" in entries
    assert "国强" not in entries


def test_who_is_missing_is_marked_and_comes_back(bank: Any) -> None:
    bank.deliver(row("C1"), row("C2", name="李四"))
    assert bank.deliver(row("C1"), business_date=date(2026, 11, 23)).gone == 1
    assert one(bank, "C2").source_deleted_at is not None
    assert one(bank, "C1").source_deleted_at is None
    assert bank.deliver(row("C1"), business_date=date(2026, 11, 24)).gone == 0
    tally = bank.deliver(row("C1"), row("C2", name="李四"), business_date=date(2026, 11, 25))
    assert (tally.added, tally.changed) == (0, 1)
    assert one(bank, "C2").source_deleted_at is None
    assert one(bank, "C2").party_id == "P0000000002"


def test_numbers_are_never_given_twice(bank: Any) -> None:
    bank.deliver(row("C1"), row("C2"))
    bank.session.execute(text("DELETE FROM customers_name_entry"))
    bank.session.execute(text("DELETE FROM customers_xref"))
    bank.session.execute(text("DELETE FROM customers_party"))
    bank.session.commit()
    bank.deliver(row("C9"))
    assert one(bank, "C9").party_id == "P0000000003"


def test_an_older_day_changes_nothing(bank: Any) -> None:
    bank.deliver(row("C1"))
    tally = bank.deliver(row("C1", name="旧名"), row("C2"), business_date=date(2026, 11, 1))
    assert (tally.added, tally.changed, tally.gone) == (0, 0, 0)
    assert one(bank, "C1").name == "张国强"


def test_two_sources_may_use_the_same_number(bank: Any) -> None:
    bank.deliver(row("1", name="张三"))
    bank.deliver(row("1", name="Emma Smith"), source="eagle", legal_entity="EB")
    found = bank.session.scalars(select(Party).order_by(Party.id)).all()
    assert [(p.name, p.legal_entity) for p in found] == [("张三", "JQ"), ("Emma Smith", "EB")]
    assert bank.deliver(source="eagle", legal_entity="EB", business_date=date(2026, 11, 23)).gone == 1
    assert found[0].source_deleted_at is None


def test_unknown_organisations_are_counted_and_kept_as_written(bank: Any) -> None:
    tally = bank.deliver(row("C1", org_code="9999"), row("C2", org_code=None), row("C3", org_code="0102"))
    assert tally.unknown_orgs == 1
    assert (one(bank, "C1").home_org_id, one(bank, "C1").source_org_code) == (None, "9999")
    assert one(bank, "C2").home_org_id is None
    assert one(bank, "C3").home_org_id == bank.orgs["0101"], "a merged organisation leads to where it went"


def test_a_repaired_organisation_code_brings_the_customer_home(bank: Any) -> None:
    from core.orgs.models import Organisation

    bank.deliver(row("C1", org_code="0201"))
    bank.session.add(
        Organisation(
            id=9, code="0201", name="新行", level="BRANCH", parent_id=1, path="/1/9/", valid_from=date(2026, 1, 1)
        )
    )
    bank.session.commit()
    assert bank.deliver(row("C1", org_code="0201"), business_date=date(2026, 11, 23)).changed == 1
    assert one(bank, "C1").home_org_id == 9


def test_a_customer_without_a_name_is_a_customer(bank: Any) -> None:
    bank.deliver(row("C1", name=None, cert_no=None, mobile=None))
    party = one(bank, "C1")
    assert (party.name, party.cert_index, party.mobile_index, party.sort_name) == (None, None, None, "~")
    assert bank.session.scalar(select(func.count(NameEntry.id))) == 0


def test_money_is_exact_and_kinds_are_checked(bank: Any) -> None:
    bank.deliver(row("C1", kind="C", name="滨江精工有限公司", reg_capital=Decimal("12345678901.23")))
    assert one(bank, "C1").reg_capital == Decimal("12345678901.23")


def test_a_rare_character_survives(bank: Any) -> None:
    bank.deliver(row("C1", name="\U0002cc56\u4dae"))
    assert one(bank, "C1").name == "\U0002cc56\u4dae"


def test_twenty_thousand_customers_take_seconds(bank: Any) -> None:
    crowd = [
        row(
            f"C{i}",
            name=f"{'张王李赵陈'[i % 5]}{'国建志秀丽'[i // 5 % 5]}{'强华明英娜'[i // 25 % 5]}",
            mobile=f"139{i:08}",
        )
        for i in range(20_000)
    ]
    began = time.process_time()
    bank.deliver(*crowd)
    first = time.process_time() - began
    began = time.process_time()
    tally = bank.deliver(*crowd, business_date=date(2026, 11, 23))
    again = time.process_time() - began
    assert tally.changed == 0
    assert first < 20, f"{first:.1f} s of processor time for 20,000 new customers"
    assert again < 5, f"{again:.1f} s for 20,000 unchanged ones"
    print(f"first {first:.1f} s, again {again:.1f} s")
