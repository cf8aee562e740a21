"""``crm source``, ``crm batch``, ``crm warehouse``: what they print and how they exit."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from core.auth.models import User
from core.db.session import system_session
from core.db.types import now
from core.monitoring.models import AuditEntry
from core.permissions import GrantSpec, assign, ensure_role
from core.warehouse import holds
from core.warehouse.cli import batch, source, warehouse

DESCRIPTION = """
system = "核心系统"
legal_entity = "0000001"
folder = "in/{date}"
delimiter = "|$|"
reject_limit = "0.4"
cut_off = false
[control]
file = "{stem}.ok"
fields = ["file", "bytes", "rows", "md5"]
[tables.account]
feed = "customers.account"
file = "account.del"
mode = "full"
names = ["id", "bal"]
[tables.account.columns]
account_id = "id"
balance = "bal"
kind = { constant = "demand" }
currency = { constant = "CNY" }
"""


@pytest.fixture
def crm(bank: Any, tmp_path: Any) -> Any:
    (bank.instance / "core_system.toml").write_text(DESCRIPTION, "utf-8")

    def invoke(group: Any, *arguments: str) -> Result:
        return CliRunner().invoke(group, list(arguments))

    return invoke


def test_the_whole_way(bank: Any, crm: Any, good: Any, days: Any) -> None:
    assert crm(source, "list").output == "no sources\n"
    assert json.loads(crm(batch, "run", "--json").output) == {"loads": [], "waiting": [], "untaken": [], "overdue": []}
    added = crm(source, "add", str(bank.instance / "core_system.toml"), "--json")
    assert json.loads(added.output) == {"source": "core_system"}
    assert json.loads(crm(source, "list", "--json").output)["sources"][0]["tables"] == ["account"]
    assert crm(source, "check").exit_code == 0
    bank.deliver(days[0], {"account": [*good["account"], "A9|$|x"]})
    run = crm(batch, "run", "--json")
    loads = json.loads(run.output)["loads"]
    assert run.exit_code == 0 and [(x["state"], x["read"], x["loaded"], x["rejected"]) for x in loads] == [
        ("published", 4, 3, 1)
    ]
    assert crm(batch, "run").output == "nothing new\n"
    status = json.loads(crm(warehouse, "status", "--json").output)["tables"]
    assert status == [{"source": "core_system", "table": "account", "feed": "customers.account", "date": "2026-09-29",
                       "days": 1, "rows": 3, "rejected": 1}]  # fmt: skip
    rejects = crm(warehouse, "rejects", "core_system", "--json")
    assert json.loads(rejects.output)["rejects"][0] == {
        "table": "account", "date": "2026-09-29", "reason": "bad_number", "column": "balance", "rows": 1, "lines": [4],
    }  # fmt: skip
    assert "bad_number" in crm(warehouse, "rejects", "core_system", "--date", "2026-09-29", "--table", "account").output


def command_in(message: str) -> list[str]:
    """Arguments of the ``crm`` command a message ends with, its placeholders filled in."""
    said = shlex.split(message[message.index("crm source load") :].partition("\n")[0])
    return [{"用户名": "checker", "原因": "分行已确认"}.get(word, word) for word in said[2:]]


def person(username: str, *actions: str) -> int:
    """An active user whose only role grants these."""
    with system_session("test") as session:
        user = User(username=username)
        session.add(user)
        session.flush()
        ensure_role(session, username, username, "business", [GrantSpec(action, "bank") for action in actions])
        assign(session, user.id, username)
        session.commit()
        return user.id


def test_held_is_3_and_the_command_it_names_releases_and_is_audited(bank: Any, crm: Any, good: Any, days: Any) -> None:
    crm(source, "add", str(bank.instance / "core_system.toml"))
    bank.deliver(days[0], {"account": good["account"]})
    bank.deliver(days[1], {"account": []})
    assert crm(batch, "run", "--date", "2026-09-29").exit_code == 0
    held, again = crm(source, "load", "core_system"), crm(batch, "run")
    assert held.exit_code == again.exit_code == 3
    assert "全量文件为空，而 2026-09-29 的有 3 行" in held.output and again.output == held.output
    status = json.loads(crm(warehouse, "status", "--json").output)["held"]
    assert [(file["table"], file["date"]) for file in status] == [("account", "2026-09-30")]
    user_id = person("checker", holds.RELEASE.name)
    released = crm(source, *command_in(status[0]["message"]))
    assert released.exit_code == 0 and "released 1 held file" in released.output
    with system_session("test") as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "warehouse.release")).one()
        assert (entry.user_id, entry.reason, entry.key) == (user_id, "分行已确认", "core_system/account/2026-09-30")
        assert entry.detail["held_because"] == status[0]["message"] and len(entry.detail["sha256"]) == 64
    assert json.loads(crm(warehouse, "status", "--json").output)["held"] == []


def test_nobody_releases_without_name_and_reason(bank: Any, crm: Any, good: Any, days: Any) -> None:
    crm(source, "add", str(bank.instance / "core_system.toml"))
    bank.deliver(days[0], {"account": good["account"]})
    crm(batch, "run")
    bank.deliver(days[1], {"account": []})
    person("checker", holds.RELEASE.name)
    ask = ("load", "core_system", "--release")
    for wrong in ((), ("--by", "checker"), ("--reason", "x"), ("--by", "checker", "--reason", " "),
                  ("--by", "nobody", "--reason", "x")):  # fmt: skip
        assert crm(source, *ask, *wrong).exit_code == 2, wrong
    nope = crm(source, *ask, "--by", "checker", "--reason", "looked at", "--table", "nope")
    assert nope.exit_code == 2 and "there are account" in nope.stderr
    person("rm01", "customers.party.view")
    refused = crm(source, *ask, "--by", "rm01", "--reason", "looked at")
    assert refused.exit_code == 1 and holds.RELEASE.name in refused.stderr
    assert crm(source, "load", "core_system", "--by", "checker").exit_code == 2
    assert crm(batch, "run").exit_code == 3


def test_what_is_not_there_by_its_cut_off_is_told_until_it_comes(bank: Any, crm: Any, good: Any) -> None:
    text = DESCRIPTION.replace("cut_off = false", 'cut_off = "00:00"')
    (bank.instance / "core_system.toml").write_text(text, "utf-8")
    crm(source, "add", str(bank.instance / "core_system.toml"))
    today = now().astimezone(ZoneInfo("Asia/Shanghai")).date()
    late, before, soon = today - timedelta(days=2), today - timedelta(days=3), today
    bank.deliver(before, {"account": good["account"]})
    bank.deliver(late, {"account": good["account"]}, flag=False)
    bank.deliver(soon, {"account": good["account"]}, flag=False)
    bank.deliver(today - timedelta(days=1), {"account": good["account"]})
    first = crm(batch, "run", "--json")
    told = json.loads(first.stdout.splitlines()[-1])["overdue"]
    since = f"{late + timedelta(days=1)} 00:00"
    assert first.exit_code == 3 and told == [f"core_system {late}：截止 {since} 仍未到齐：account（缺控制文件）"]
    assert told[0] in crm(batch, "run").output
    bank.deliver(late, {"account": good["account"]})
    done = crm(batch, "run", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout.splitlines()[-1])["overdue"] == []


def test_failures_are_1_and_wrong_use_2(bank: Any, crm: Any, good: Any, days: Any) -> None:
    crm(source, "add", str(bank.instance / "core_system.toml"))
    bank.deliver(days[0], {"account": good["account"]})
    (bank.instance / "in/20260929/account.ok").write_text("nonsense")
    assert crm(batch, "run").exit_code == 1
    assert crm(source, "load", "nobody").exit_code == 2
    assert crm(batch, "run", "--date", "tomorrow").exit_code == 2
    sources = bank.instance / "sources"
    (sources / "broken.toml").write_text("x = 1")
    assert crm(source, "check").exit_code == 1 and crm(source, "load", "broken").exit_code == 1
    assert "broken" in crm(source, "list").output
    assert crm(source, "add", str(sources / "broken.toml")).exit_code == 1


def test_a_night_that_loads_nothing_because_no_module_takes_it_is_3(bank: Any, crm: Any, good: Any, days: Any) -> None:
    crm(source, "add", str(bank.instance / "core_system.toml"))
    bank.deliver(days[0], {"account": good["account"]})
    feeds, bank.registry.things["crm_feeds"] = bank.registry.things["crm_feeds"], []
    told = crm(batch, "run")
    assert told.exit_code == 3 and told.output == "core_system 2026-09-29: 没有数据入库：没有已启用的模块接收 account\n"
    bank.registry.things["crm_feeds"] = feeds
    assert crm(batch, "run").exit_code == 0


def test_a_broken_file_is_named_while_another_is_awaited(bank: Any, good: Any, days: Any) -> None:
    bank.deliver(days[0], good)
    (bank.instance / "in/20260929/account.ok").write_text("nonsense")
    (bank.instance / "in/20260929/txn.ok").unlink()
    report = bank.run()
    assert [(o.table, o.state) for o in report.loads] == [("account", "failed")] and report.exit_code == 1
    assert report.waiting == ["core_system 2026-09-29: 等待 txn（缺控制文件）"]


def test_a_folder_whose_name_is_no_day_is_told(bank: Any, crm: Any, good: Any, days: Any) -> None:
    crm(source, "add", str(bank.instance / "core_system.toml"))
    bank.deliver(days[0], {"account": good["account"]})
    (bank.instance / "in/20260929").rename(bank.instance / "in/20261399")
    run = crm(batch, "run")
    assert run.exit_code == 0 and "in/20261399 的名称不是日期" in run.output


def test_check_names_what_does_not_fit_the_modules(bank: Any, crm: Any) -> None:
    text = DESCRIPTION.replace('mode = "full"', 'mode = "incremental"').replace('balance = "bal"', 'colour = "bal"')
    (bank.instance / "core_system.toml").write_text(text, "utf-8")
    crm(source, "add", str(bank.instance / "core_system.toml"))
    problems = json.loads(crm(source, "check", "core_system", "--json").output)["problems"]
    assert len(problems) == 2 and "mode" in problems[0] and "columns.colour" in problems[1]
    bank.registry.things["crm_feeds"] = []
    assert "no enabled module" in crm(source, "check").output


def test_add_can_replace_the_folder(bank: Any, crm: Any, tmp_path: Any) -> None:
    elsewhere = tmp_path / "else where"
    crm(source, "add", str(bank.instance / "core_system.toml"), "--folder", str(elsewhere))
    text = (bank.instance / "sources/core_system.toml").read_text("utf-8")
    assert f'folder = "{elsewhere}"' in text and "in/{date}" not in text
