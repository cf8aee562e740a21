"""The practice bank: the same bytes for the same seed, right numbers, and dirt that is known to the line."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from plugins.samplebank import bank, numbers
from plugins.samplebank.cli import DESCRIPTION, describe
from plugins.samplebank.people import OUTLETS, SUB_BRANCHES

CUSTOMERS = 400


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bank.Written]]:
    out = tmp_path_factory.mktemp("sample")
    return out, bank.write(out, CUSTOMERS, 3, 7)


def lines(out: Path, day: str, name: str) -> list[list[str]]:
    """Fields of the lines that can be decoded and have the usual number of them."""
    names = next(t["names"] for t in tables().values() if t["file"] == f"{name}.del")
    found = []
    for raw in (out / day / f"{name}.del").read_bytes().splitlines():
        try:
            fields = raw.decode("gb18030").split("|$|")
        except UnicodeDecodeError:
            continue
        if len(fields) == len(names):
            found.append(fields)
    return found


def tables() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads(DESCRIPTION.read_text("utf-8"))["tables"]
    return found


def test_the_same_seed_gives_the_same_bytes(delivered: Any, tmp_path: Path) -> None:
    out, _ = delivered
    bank.write(tmp_path, CUSTOMERS, 3, 7)
    names = sorted(p.relative_to(out) for p in out.rglob("*") if p.is_file())
    assert names == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert all((out / n).read_bytes() == (tmp_path / n).read_bytes() for n in names)
    bank.write(tmp_path, 20, 0, 8)
    assert (tmp_path / "20261120/ci_custmast_all.del").read_bytes() != (
        out / "20261120/ci_custmast_all.del"
    ).read_bytes()


def test_a_folder_a_day_with_flags_that_agree(delivered: Any) -> None:
    import hashlib

    out, written = delivered
    assert sorted(p.name for p in out.iterdir()) == ["20261117", "20261118", "20261119", "20261120"]
    for file in written:
        path = out / f"{file.day:%Y%m%d}" / f"{file.file}.del"
        data = path.read_bytes()
        said = path.with_suffix(".ok").read_text("ascii").strip().split("|")
        assert said == [path.name, str(len(data)), str(file.rows), hashlib.md5(data).hexdigest()]
        assert data.count(b"\n") == file.rows


def test_the_description_names_every_file(delivered: Any, tmp_path: Path) -> None:
    assert {t["file"] for t in tables().values()} == {f"{name}.del" for name in bank.DIRT}
    path = describe(tmp_path / "sources", tmp_path / "out")
    assert tomllib.loads(path.read_text("utf-8"))["folder"] == f"{tmp_path}/out/{{date}}"
    path.write_text("mine", "utf-8")
    assert describe(tmp_path / "sources", tmp_path).read_text("utf-8") == "mine"


def test_identifiers_have_right_check_digits(delivered: Any) -> None:
    out, _ = delivered
    people = [f for f in lines(out, "20261120", "ci_custmast_all") if not f[0].startswith("9")]
    citizens = [f for f in people if f[4] == "01" and len(f[5]) == 18]
    assert len(citizens) > 300
    assert all(numbers.resident_id(f[5][:17]) == f[5] and f[5][6:14] == f[8] for f in citizens)
    assert all((int(f[5][16]) % 2 == 1) == (f[7] == "1") for f in citizens)
    firms = [f for f in people if f[4] == "11"]
    assert firms and all(numbers.uscc(f[5][:17]) == f[5] and numbers.org_code(f[5][8:16]) == f[5][8:17] for f in firms)
    assert {f[3] for f in people} <= {*OUTLETS, *SUB_BRANCHES}
    cards = lines(out, "20261120", "ic_card_all")
    assert all(numbers.luhn(f[4][:-1]) == f[4] for f in cards)


def test_published_check_digits() -> None:
    assert numbers.resident_id("11010519491231002") == "11010519491231002X"
    assert numbers.resident_id_15("34052419800101001X") == "340524800101001"
    assert numbers.uscc("91350100M000100Y4") == "91350100M000100Y43"
    assert numbers.uscc("91110000600037341") == "91110000600037341L"
    assert numbers.org_code("D2143569") == "D2143569X" and numbers.org_code("60003734") == "600037341"
    assert numbers.luhn("621626100000000001") == "6216261000000000018"


def test_balances_follow_from_transactions(delivered: Any) -> None:
    """Each line's balance is the one before plus or minus its amount, and the account shows the last one."""
    out, _ = delivered
    days = sorted(p.name for p in out.iterdir())
    last: dict[str, Decimal] = {}
    for day in days:
        for f in lines(out, day, "ch_nobook_add"):
            if f[0].startswith("X") or f[1] == "9999999999":
                continue
            amount = Decimal(f[5]) if f[4] == "C" else -Decimal(f[5])
            assert amount != 0 and f[2] <= day
            if f[1] in last:
                assert last[f[1]] + amount == Decimal(f[6])
            last[f[1]] = Decimal(f[6])
            assert last[f[1]] >= 0
    shown = {f[0]: f[9] for f in lines(out, days[-1], "ch_acct_mast_all") if not f[0].startswith("9")}
    assert all(Decimal(shown[account]) == balance for account, balance in last.items())


def test_sizes_are_as_published(delivered: Any) -> None:
    _, written = delivered
    rows = {f.file: f.rows - sum(f.refused.values()) for f in written if f.day == date(2026, 11, 20)}
    everything = sum(f.rows for f in written if f.file == "ch_nobook_add")
    assert rows["ci_custmast_all"] == CUSTOMERS
    assert 2.2 < rows["ch_acct_mast_all"] / CUSTOMERS < 2.6
    assert 6 < everything / rows["ch_acct_mast_all"] / 3 < 10


def test_a_repeated_run_takes_the_flag_away_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank.write(tmp_path, 5, 0, 1)

    def fail(self: Any, number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bank._Bank, "add", fail)
    with pytest.raises(KeyboardInterrupt):
        bank.write(tmp_path, 5, 0, 2)
    assert list(tmp_path.rglob("*.ok")) == []


def test_the_command_writes_and_describes(tmp_path: Path) -> None:
    from click.testing import CliRunner
    from flask import Flask

    from core.config import load
    from plugins.samplebank.cli import sample

    app = Flask("sample")
    app.config["CRM"] = load({"instance": tmp_path, "training": True}, environ={})
    with app.app_context():
        done = CliRunner().invoke(sample, ["--customers", "30", "--days", "1", "--json"])
        said = json.loads(done.output)
        assert done.exit_code == 0 and len(said["files"]) == 14 and said["source"] == "samplebank_core"
        assert (tmp_path / "sources/samplebank_core.toml").is_file()
        text = CliRunner().invoke(sample, ["--customers", "5", "--days", "0", "--out", str(tmp_path / "x")]).output
        assert "ci_custmast_all" in text and "crm batch run" in text
    assert (tmp_path / "deliveries/samplebank/20261120/ci_custmast_all.ok").is_file()
