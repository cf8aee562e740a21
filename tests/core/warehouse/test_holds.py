"""What is not believed is held, with its reason; it keeps back nobody who does not refer to it, and mends itself."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select

from core.db.session import system_session
from core.warehouse import holds, partitions
from core.warehouse.models import Load, LoadState

DAY1, DAY2, DAY3 = date(2026, 9, 29), date(2026, 9, 30), date(2026, 10, 1)
MANY = [f"{number:04d}|$|P|$|张三|$||$|" for number in range(1, 101)]
ACCOUNTS = ["A1|$|10.00", "A2|$|20.5", "A3|$|"]
LINKS = ["L1|$|A1|$|0001", "L2|$|A2|$|0002"]
TRANSACTIONS = ["T1|$|A1|$|20260929|$|C|$|10.00|$|李四"]
FIRST = {"party": MANY, "account": ACCOUNTS, "link": LINKS, "txn": TRANSACTIONS}
SECOND = {**FIRST, "txn": ["T2|$|A1|$|20260930|$|C|$|10.00|$|"]}


def release(bank: Any, table: str, day: date) -> int:
    return holds.release(bank.name, table, day, "the branch was merged")


def newest(bank: Any, table: str) -> date | None:
    with system_session("test") as session:
        found = partitions.newest(session, bank.name, table)
        return found.business_date if found else None


def test_a_full_file_that_shrinks_too_much_is_held(bank: Any) -> None:
    bank.deliver(DAY1, {**FIRST, "link": []})
    bank.deliver(DAY2, {**SECOND, "party": MANY[:80], "link": []})
    bank.deliver(DAY3, {**SECOND, "party": MANY[:63], "link": [], "txn": []})
    report = bank.run()
    assert [(o.date, o.state) for o in report.loads if o.table == "party"] == [
        (DAY1, "published"), (DAY2, "published"), (DAY3, "held"),
    ]  # fmt: skip
    assert report.exit_code == 3 and newest(bank, "party") == DAY2


def test_an_incremental_file_may_have_any_number_of_rows(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "txn": []})
    assert bank.run().exit_code == 0


def test_the_message_says_why_and_how_and_is_the_same_in_every_run(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    first, second = bank.run(), bank.run()
    message = next(outcome.message for outcome in first.loads if outcome.state == "held")
    assert message == (
        "全量文件只有 50 行，2026-09-29 的有 100 行，减少 50%，超过允许的 20%。"
        "核实无误后放行：crm source load core_system --release --table party --date 2026-09-30 "
        "--by 用户名 --reason 原因"
    )
    assert [(o.table, o.state, o.message) for o in second.loads] == [("party", "held", message)]
    assert second.exit_code == 3
    with system_session("test") as session:
        assert [file.message for file in holds.held(session)] == [message]


def test_only_those_whose_rows_refer_to_the_held_file_wait(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.run()
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    report = bank.run()
    assert bank.states(report) == {"party": "held", "account": "published", "txn": "published"}
    assert report.waiting == ["core_system 2026-09-30: link 引用了尚未入库的 party，随其一并等待"]
    assert newest(bank, "link") == DAY1 and newest(bank, "txn") == DAY2


def test_a_file_without_any_reference_to_the_held_one_does_not_wait(bank: Any) -> None:
    bank.deliver(DAY1, {**FIRST, "link": []})
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50], "link": []})
    assert bank.states(bank.run())["link"] == "published" and newest(bank, "link") == DAY2


def test_delivered_again_it_goes_in_with_all_that_waited(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    bank.run()
    bank.deliver(DAY2, {"party": MANY})
    report = bank.run()
    assert bank.states(report) == {"party": "published", "link": "published"} and report.waiting == []
    assert report.exit_code == 0 and bank.run().loads == []


def test_rows_refused_because_of_another_file_pass_once_that_one_is_mended(bank: Any) -> None:
    bank.description = {**bank.description, "reject_limit": "0.1", "max_shrink": "1"}
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:1]})
    report = bank.run()
    held = next(outcome for outcome in report.loads if outcome.state == "held")
    assert held.table == "link" and "2 行中有 1 行被拒，超过 10%：引用的记录不存在 source_cust_id 1" in held.message
    bank.deliver(DAY2, {"party": MANY})
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}


def test_a_raised_limit_is_enough(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    assert bank.run().exit_code == 3
    bank.description = {**bank.description, "max_shrink": "0.5"}
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}


def test_the_next_days_of_a_held_table_wait_and_follow_in_order(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "account": ["A1|$|1"]})
    bank.deliver(DAY3, {**SECOND, "txn": ["T3|$|A1|$|20261001|$|C|$|1|$|"]})
    report = bank.run()
    assert [(o.table, o.date) for o in report.loads if o.date > DAY1] == [
        ("account", DAY2),
        ("party", DAY2),
        ("party", DAY3),
    ]
    assert len(report.waiting) == 5  # link and transactions of both days, accounts of the second
    bank.deliver(DAY2, {"account": ACCOUNTS})
    order = [(o.table, o.date) for o in bank.run().loads]
    assert [day for _, day in order] == [DAY2] * 3 + [DAY3] * 3


def test_a_release_is_for_these_bytes_only(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    bank.run()
    assert release(bank, "party", DAY2) == 1
    bank.deliver(DAY2, {"party": MANY[:40]})
    assert bank.states(bank.run()) == {"party": "held"}
    bank.deliver(DAY2, {"party": MANY[:50]})
    assert bank.states(bank.run()) == {"party": "held"}
    assert holds.release(bank.name, "party", DAY2, "looked again") == 1
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}


def test_a_release_outlives_a_try_that_never_saw_the_bytes(bank: Any) -> None:
    bank.deliver(DAY1, FIRST)
    bank.deliver(DAY2, {**SECOND, "party": MANY[:50]})
    bank.run()
    release(bank, "party", DAY2)
    control = bank.instance / "in/20260930/party.ok"
    said = control.read_text()
    for _again in range(2):
        control.write_text("")
        assert bank.states(bank.run()) == {"party": "failed"}
    control.write_text(said)
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}
    with system_session("test") as session:
        left = select(Load.id).where(Load.state.in_([LoadState.HELD, LoadState.FAILED]))
        assert session.scalars(left).all() == [], "what was noted on the way stayed"


def test_too_many_refused_lines_hold_the_file(bank: Any) -> None:
    bank.description = {**bank.description, "reject_limit": "0.1"}
    bank.deliver(DAY1, {**FIRST, "account": ["A1|$|x", "A2|$|1", "A3|$|1"], "link": [], "txn": []})
    report = bank.run()
    assert report.exit_code == 3 and "3 行中有 1 行被拒，超过 10%：不是数字 balance 1。" in report.loads[0].message


def test_a_module_that_fails_keeps_back_its_file_and_who_refers_to_it(bank: Any) -> None:
    def fail(publication: Any) -> None:
        assert next(iter(publication.rows()))["name"] == "张三"
        raise RuntimeError("no")

    first, *rest = bank.registry.things["crm_feeds"]
    broken = type(first)(first.name, first.label, first.columns, first.key, first.mode, fail)
    bank.registry.things["crm_feeds"] = [broken, *rest]
    bank.deliver(DAY1, FIRST)
    report = bank.run()
    assert bank.states(report) == {"party": "failed", "account": "published", "txn": "published"}
    assert "customers.party 入库失败：RuntimeError('no')" in report.loads[0].message and len(report.waiting) == 1
    bank.registry.things["crm_feeds"] = [first, *rest]
    assert bank.states(bank.run()) == {"party": "published", "link": "published"}


def test_a_wrong_charset_is_named_and_mended_in_the_description(bank: Any) -> None:
    data = "".join(f"{number}|$|P|$|欧阳东方、张三（上海）|$||$|\n" for number in range(1, 101)).encode("utf-8")
    bank.deliver(DAY1, {**FIRST, "party": data, "link": [], "txn": []})
    outcome = next(o for o in bank.run().loads if o.table == "party")
    assert outcome.state == "held"
    assert "文件看来是 utf-8 编码，而源描述写的是 gb18030。请改正源描述的 charset" in outcome.message
    bank.description = {**bank.description, "charset": "utf-8"}
    assert bank.states(bank.run())["party"] == "published"
