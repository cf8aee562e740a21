"""``crm plugin new`` gives a plugin that keeps every rule and passes its own tests, as its author will run them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from core.host import checks, scaffold


@pytest.mark.parametrize(("name", "title"), [("duties", "Duties"), ("a", ""), ("x9_long_name_abc", '贷后 "检查"')])
def test_a_new_plugin_keeps_every_rule(tmp_path: Path, name: str, title: str) -> None:
    folder = scaffold.create(name, tmp_path, title)
    assert folder == tmp_path / name
    assert checks.run(folder) == []


def test_a_new_plugin_passes_its_own_tests_and_the_contract(tmp_path: Path, kit: ModuleType) -> None:
    folder = scaffold.create("duties", tmp_path, "Duties")
    passed, said = kit.run_tests(folder, kit.environment())
    assert passed >= 20, said


def test_a_new_plugin_has_one_of_everything(tmp_path: Path) -> None:
    text = (scaffold.create("duties", tmp_path) / "plugin.py").read_text("utf-8")
    hooks = ("models", "blueprints", "menus", "jobs", "panels", "permissions", "parameters")
    assert [hook for hook in hooks if f"def crm_{hook}(" not in text] == []


def test_the_title_is_read_back_as_it_was_given(tmp_path: Path) -> None:
    manifest = (scaffold.create("duties", tmp_path, "贷后检查") / "plugin.toml").read_text("utf-8")
    assert tomllib.loads(manifest)["title"] == "贷后检查"


@pytest.mark.parametrize("name", ["", "Duties", "9lives", "far_too_long_a_name", "core", "a-b", "../x"])
def test_a_name_no_plugin_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no plugin's name"):
        scaffold.create(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    scaffold.create("duties", tmp_path)
    (tmp_path / "duties" / "mine.py").write_text("x = 1")
    with pytest.raises(FileExistsError):
        scaffold.create("duties", tmp_path)
    assert (tmp_path / "duties" / "mine.py").exists()
