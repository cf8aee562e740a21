"""A plugin of people who never met us: built, installed, tested, used, upgraded, purged. All offline."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from core.contract import hookspecs
from core.host import checks
from core.sdk.testing.databases import RUN

NAME = "acme_visits"
Crm = Callable[..., Any]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for the wheels of this file's tests."""
    return tmp_path_factory.mktemp("dist")


@pytest.fixture
def site(built: Path, tmp_path: Path, kit: ModuleType) -> Path:
    """Folder with version 0.1.0 installed."""
    kit.install(kit.wheel(NAME, built), tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def crm(site: Path, tmp_path: Path, kit: ModuleType) -> Crm:
    """``crm("plugin", "list")`` in an instance of its own, demo users in it; the JSON it prints."""
    settings = {"CRM_INSTANCE": str(tmp_path / "instance"), "CRM_TRAINING": "1", "CRM_DEMO_PASSWORD": "Dist-only-8842"}
    env = kit.environment(site, **settings)

    def run(*words: str, code: int = 0, as_json: bool = True) -> Any:
        command = [sys.executable, "-m", "core.cli", *words, *(["--json"] if as_json else [])]
        said = kit.run(*command, cwd=tmp_path, env={**env, "LOGNAME": account(words)}, code=code)
        return json.loads(said.strip().splitlines()[-1]) if as_json else said

    run("migrate")
    run("seed", "--demo", as_json=False)
    return run


def account(words: tuple[str, ...]) -> str:
    """Each person works with an operating system account of their own."""
    return words[words.index("--by") + 1] if "--by" in words else "nobody"


def state(crm: Crm) -> str:
    return next((p["state"] for p in crm("plugin", "list")["plugins"] if p["name"] == NAME), "gone")


def tables(tmp_path: Path) -> set[str]:
    with sqlite3.connect(tmp_path / "instance" / "crm.db") as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE '%acme_visits%'")}


def test_it_keeps_every_rule(kit: ModuleType) -> None:
    assert checks.run(kit.DIST / NAME / NAME) == []


def test_it_implements_every_hook_of_the_core(kit: ModuleType) -> None:
    text = (kit.DIST / NAME / NAME / "plugin.py").read_text("utf-8")
    wanted = [name for name in vars(hookspecs) if name.startswith("crm_")]
    assert [name for name in wanted if f"def {name}(" not in text] == []


def test_its_own_tests_and_the_contract_pass(built: Path, site: Path, kit: ModuleType) -> None:
    project = built / "source" / NAME
    passed, said = kit.run_tests(project, {**kit.environment(site), RUN: os.environ[RUN]})
    assert passed >= 55, said


def test_from_installing_to_purging(built: Path, site: Path, tmp_path: Path, crm: Crm, kit: ModuleType) -> None:
    by = ("--by", "sysadmin", "--reason", "a test")
    assert state(crm) in {"discovered", "disabled"}, "a plugin of a third party is off until somebody switches it on"
    assert tables(tmp_path) == set()

    crm("plugin", "enable", NAME, *by)
    assert state(crm) == "enabled"
    assert crm("acme-visits", as_json=False).strip().endswith("0")

    kit.install(kit.wheel("acme_visits_2", built), site)
    assert state(crm) == "pending", "newer code waits for its migration"
    crm("migrate")
    assert state(crm) == "enabled"
    with sqlite3.connect(tmp_path / "instance" / "crm.db") as database:
        assert database.execute("SELECT count(*), sum(importance) FROM acme_visits_reason").fetchone() == (3, 3)

    crm("plugin", "disable", "customers", *by, code=1)
    crm("plugin", "disable", NAME, *by)
    assert state(crm) == "disabled"
    assert "acme_visits_visit" in tables(tmp_path), "data stays"

    asked = crm("plugin", "purge", NAME, *by, code=3)
    crm("plugin", "purge", NAME, "--approve", str(asked["request"]), "--by", "sysadmin", code=1)
    crm("plugin", "purge", NAME, "--approve", str(asked["request"]), "--by", "secadmin")
    assert tables(tmp_path) == set(), "nothing is left"


def test_installed_it_can_be_checked_by_name(crm: Crm) -> None:
    assert crm("plugin", "check", NAME)["findings"] == []
