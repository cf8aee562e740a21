"""From delivered files to published partitions."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from core.db.session import system_session
from core.warehouse import engine, partitions, query
from core.warehouse.models import Load, Partition, RejectedLine

DAY1, DAY2 = date(2026, 9, 29), date(2026, 9, 30)
GOOD: dict[str, list[str]] = {
    "party": ["0001|$|P|$|韡华|$|19491231|$|", "0002|$|C|$|东方商行|$||$|1000.50", "0003|$|P|$|阿卜杜拉·买买提|$||$|"],
    "account": ["A1|$|10.00", "A2|$|20.5", "A3|$|"],
    "link": ["L1|$|A1|$|0001", "L2|$|A2|$|0002", "L3|$|A3|$|0003", "L4|$|A3|$|0001"],
    "txn": [
        "T1|$|A1|$|20260929|$|C|$|10.00|$|李四",
        "T2|$|A2|$|20260929|$|D|$|0.01|$|",
        "T3|$|A3|$|20260929|$|C|$|7|$|",
    ],
}


def rows(feed: str, columns: str = "*") -> list[tuple[Any, ...]]:
    with system_session("test") as session:
        paths = [
            str(engine.folder() / p) for p in session.scalars(select(Partition.path).where(Partition.feed == feed))
        ]
    return engine.run(f"select {columns} from read_parquet($f) order by 1", {"f": paths})


def refused() -> list[tuple[str, int, str, str]]:
    with system_session("test") as session:
        statement = select(Load.table_name, RejectedLine.line, RejectedLine.reason, RejectedLine.column_name)
        return [tuple(r) for r in session.execute(statement.join(Load, Load.id == RejectedLine.load_id))]


def test_a_day_is_published(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    report = bank.run()
    assert report.exit_code == 0 and report.waiting == []
    assert {o.table: (o.state, o.read, o.loaded, o.rejected) for o in report.loads} == {
        "party": ("published", 3, 3, 0), "account": ("published", 3, 3, 0),
        "link": ("published", 4, 4, 0), "txn": ("published", 3, 3, 0),
    }  # fmt: skip
    assert rows("customers.party", "source_cust_id, name, birth_date, reg_capital") == [
        ("0001", "韡*", date(1949, 12, 31), None),
        ("0002", "东**行", None, Decimal("1000.50")),
        ("0003", "阿***·买**", None, None),
    ]


def test_nothing_on_the_disk_holds_an_identifier(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    bank.run()
    secret = ["韡华", "东方商行", "买买提", "李四"]
    for path in [*engine.folder().rglob("*"), *bank.instance.glob("crm.db*")]:
        if path.is_file():
            data = path.read_bytes()
            assert not [s for s in secret if s.encode() in data or s.encode("gb18030") in data], path


def test_the_same_text_has_the_same_token(bank: Any) -> None:
    day = dict(GOOD, party=["1|$|P|$|张三|$||$|", "2|$|P|$|张三|$||$|", "3|$|P|$|张四|$||$|"], link=[])
    bank.deliver(DAY1, day)
    bank.run()
    (_, a), (_, b), (_, c) = rows("customers.party", "source_cust_id, name__token")
    assert a == b != c and "张" not in a


def test_a_file_without_its_flag_waits_and_the_day_with_it(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    (bank.instance / "in/20260929/txn.ok").unlink()
    report = bank.run()
    assert report.loads == [] and "等待 txn（缺控制文件）" in report.waiting[0] and report.exit_code == 0


def test_a_later_day_waits_for_an_earlier_one(bank: Any) -> None:
    bank.deliver(DAY1, dict(GOOD), flag=False)
    bank.deliver(DAY2, GOOD)
    assert bank.run().loads == []


def test_a_missing_table_keeps_the_day_waiting_unless_optional(bank: Any) -> None:
    bank.deliver(DAY1, {name: lines for name, lines in GOOD.items() if name != "txn"})
    assert "等待 txn" in bank.run().waiting[0]
    tables = bank.description["tables"]
    bank.description = {**bank.description, "tables": {**tables, "txn": {**tables["txn"], "optional": True}}}
    assert set(bank.states(bank.run()).values()) == {"published"}


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("party.del|1|3|{md5}", "bytes 为 1"),
        ("party.del|{size}|4|{md5}", "行数为 4，数据文件实际为 3 行"),
        ("party.del|{size}|3|00000000000000000000000000000000", "md5 为 00000000000000000000000000000000"),
        ("other.del|{size}|3|{md5}", "file 为 other.del"),
        ("party.del|{size}|3", "有 3 个字段，应为 file|bytes|rows|md5"),
        ("party.del|{size}|many|{md5}", "行数“many”不是数字"),
        ("", "控制文件 party.ok 是空文件，应写明 file|bytes|rows|md5"),
        (" \n", "控制文件 party.ok 是空文件"),
        ("\x1f\x8b\x08\x00|1|2|3", "控制文件 party.ok 不是 ascii 文本"),
        ("\x00\x01\x02\x03", "控制文件 party.ok 不是 ascii 文本"),
    ],
)
def test_a_control_file_that_differs_keeps_its_file_out(bank: Any, control: str, words: str) -> None:
    import hashlib

    bank.deliver(DAY1, GOOD)
    data = (bank.instance / "in/20260929/party.del").read_bytes()
    said = control.format(size=len(data), md5=hashlib.md5(data).hexdigest())
    (bank.instance / "in/20260929/party.ok").write_bytes(said.encode("latin-1"))
    report = bank.run()
    assert report.exit_code == 1
    assert bank.states(report) == {"party": "failed", "account": "published", "txn": "published"}
    message = report.loads[0].message
    assert words in message and message.isprintable()
    bank.deliver(DAY1, {"party": GOOD["party"]})
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}


DIRT: dict[str, tuple[str, bytes, tuple[str, str]]] = {
    "bytes that are no character": ("party", b"9|$|P|$|\xff\xff|$||$|", ("undecodable", "")),
    "a field too many": ("party", "9|$|P|$|张|$|三|$||$|".encode("gb18030"), ("column_count", "")),
    "a field too few": ("party", b"9|$|P|$|x|$|", ("column_count", "")),
    "a day there is not": ("party", b"9|$|P|$|x|$|20260230|$|", ("bad_date", "birth_date")),
    "a half cent": ("party", b"9|$|C|$|x|$||$|1.005", ("too_many_decimals", "reg_capital")),
    "a number with letters": ("party", b"9|$|C|$|x|$||$|1e3", ("bad_number", "reg_capital")),
    "a number too large": ("party", b"9|$|C|$|x|$||$|12345678901234567.00", ("too_large", "reg_capital")),
    "nothing where something must be": ("party", b" |$|P|$|x|$||$|", ("missing", "source_cust_id")),
    "a key that comes again": ("party", b"0001|$|P|$|x|$||$|", ("duplicate_key", "source_cust_id")),
    "an account nobody has": ("txn", b"T9|$|A9|$|20260929|$|C|$|1|$|", ("unknown_reference", "account_id")),
}


@pytest.mark.parametrize("kind", DIRT)
def test_a_bad_line_goes_to_quarantine_with_its_reason(bank: Any, kind: str) -> None:
    table, raw, (reason, column) = DIRT[kind]
    good = "".join(f"{line}\n" for line in GOOD[table]).encode("gb18030")
    bank.deliver(DAY1, {**GOOD, table: good + raw + b"\n"})
    outcome = next(o for o in bank.run().loads if o.table == table)
    assert (outcome.read, outcome.loaded, outcome.rejected) == (len(GOOD[table]) + 1, len(GOOD[table]), 1)
    with system_session("test") as session:
        line = session.scalars(select(RejectedLine)).one()
        assert (line.line, line.reason, line.column_name) == (len(GOOD[table]) + 1, reason, column)
        assert line.raw_bytes == raw and line.message


def test_refused_rows_take_those_that_refer_to_them_along(bank: Any) -> None:
    bank.deliver(DAY1, {**GOOD, "account": ["A1|$|10.00", "A2|$|x", "A3|$|"]})
    bank.run()
    assert sorted(refused()) == [
        ("account", 2, "bad_number", "balance"),
        ("link", 2, "unknown_reference", "account_id"),
        ("txn", 2, "unknown_reference", "account_id"),
    ]


def test_a_character_whose_second_byte_is_the_delimiter_does_not_split(bank: Any) -> None:
    bank.description = {**bank.description, "delimiter": "|"}
    bank.deliver(DAY1, {t: [line.replace("|$|", "|") for line in lines] for t, lines in GOOD.items()})
    assert bank.run().exit_code == 0
    assert "韡华".encode("gb18030").count(b"|") == 1
    assert rows("customers.party", "source_cust_id, name")[0] == ("0001", "韡*")


def test_loading_again_replaces_and_keeps_the_database_at_the_newest_day(bank: Any) -> None:
    seen: list[date] = []
    applied = list(bank.registry.things["crm_feeds"])
    applied[0] = type(applied[0])(
        **{s: getattr(applied[0], s) for s in applied[0].__slots__ if s != "apply"},
        apply=lambda p: seen.append(p.business_date),
    )
    bank.registry.things["crm_feeds"] = applied
    bank.deliver(DAY1, GOOD)
    bank.deliver(DAY2, {**GOOD, "txn": ["T4|$|A1|$|20260930|$|C|$|5|$|"]})
    assert len(bank.run().loads) == 8 and seen == [DAY1, DAY2]
    assert bank.run().loads == []
    bank.deliver(
        DAY1, {"account": ["A1|$|11.00", "A2|$|20.5", "A3|$|"], "party": [*GOOD["party"], "0004|$|P|$|x|$||$|"]}
    )
    assert bank.states(bank.run()) == {"account": "published", "party": "published"} and seen == [DAY1, DAY2]
    with system_session("test") as session:
        assert len(session.scalars(select(Partition)).all()) == 8
        first = partitions.newest(session, bank.name, "account", DAY1)
        assert first is not None
        assert engine.run(
            "select balance from read_parquet($f) order by account_id", {"f": [str(engine.folder() / first.path)]}
        )[0] == (Decimal("11.00"),)
        assert [
            x.state
            for x in session.scalars(
                select(Load).where(Load.table_name == "account", Load.business_date == DAY1).order_by(Load.id)
            )
        ] == ["replaced", "published"]


def test_the_same_file_touched_is_not_loaded_again(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    bank.run()
    (bank.instance / "in/20260929/party.del").touch()
    assert bank.run().loads == []


def test_a_first_empty_file_is_a_quiet_day(bank: Any) -> None:
    bank.deliver(DAY1, {**GOOD, "txn": []})
    assert bank.run().exit_code == 0


def test_files_of_a_module_that_is_off_wait_and_are_loaded_in_order(bank: Any) -> None:
    feeds = bank.registry.things["crm_feeds"]
    bank.registry.things["crm_feeds"] = [f for f in feeds if f.name != "customers.transaction"]
    bank.deliver(DAY1, GOOD)
    bank.deliver(DAY2, {**GOOD, "txn": ["T4|$|A1|$|20260930|$|C|$|5|$|"]})
    report = bank.run()
    assert len(report.loads) == 6 and len(report.waiting) == 2
    bank.registry.things["crm_feeds"] = feeds
    assert [(o.table, o.date) for o in bank.run().loads] == [("txn", DAY1), ("txn", DAY2)]


def test_upto_leaves_later_days(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    bank.deliver(DAY2, {**GOOD, "txn": []})
    assert {o.date for o in bank.run(DAY1).loads} == {DAY1}


def test_rows_of_a_publication_are_typed_and_plain(bank: Any) -> None:
    got: list[Any] = []

    def apply(publication: Any) -> None:
        got.extend(dict(r) for r in publication.rows())
        assert (publication.source, publication.legal_entity, publication.business_date) == (bank.name, "0000001", DAY1)

    first, *rest = bank.registry.things["crm_feeds"]
    bank.registry.things["crm_feeds"] = [
        type(first)(first.name, first.label, first.columns, first.key, first.mode, apply),
        *rest,
    ]
    bank.deliver(DAY1, {**GOOD, "party": [*GOOD["party"], "0001|$|P|$|again|$||$|", "bad"]})
    assert bank.run().exit_code == 0
    assert [r["source_cust_id"] for r in got] == ["0001", "0002", "0003"]
    assert got[0]["name"] == "韡华" and got[0]["birth_date"] == date(1949, 12, 31) and got[0]["email"] is None
    assert got[1]["reg_capital"] == Decimal("1000.50") and len(got[0]) == 18


def test_query_of_a_dataset_about_nobody(bank: Any) -> None:
    bank.deliver(DAY1, GOOD)
    bank.run()
    answer = query("open.accounts", where={"account_id": ["A1", "A2", "A3"]}, order_by=("-balance",))
    assert [(r["account_id"], r["balance"]) for r in answer.rows] == [
        ("A2", Decimal("20.50")),
        ("A1", Decimal("10.00")),
        ("A3", None),
    ]
    assert answer.as_of == DAY1 and answer.source == "核心系统" and answer.next is None
