"""The documentation says what the code does: signatures, rules, snippets, and a test and a user for every hook."""

from __future__ import annotations

import ast
import configparser
import inspect
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask
from jinja2 import Environment

from core.contract import API_VERSION, hookspecs, types
from core.host import checks, manifest
from core.sdk import hooks as sdk_hooks
from core.sdk.testing import plugin as kit_plugin
from core.sdk.testing.apart import apart
from core.sdk.testing.contract import ONCE

ROOT = Path(__file__).resolve().parents[2]
HOOKS = (ROOT / "docs" / "hooks.md").read_text("utf-8")
GUIDE = (ROOT / "docs" / "plugin-guide.md").read_text("utf-8")
SPECS = {
    node.name: node
    for node in ast.parse(inspect.getsource(hookspecs)).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("crm_")
}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


def section(hook: str) -> str:
    found = re.search(rf"^## {hook}\n(.*?)(?=^## |^# |\Z)", HOOKS, re.M | re.S)
    assert found, f"docs/hooks.md has no section {hook}"
    return found.group(1)


@pytest.mark.parametrize("hook", SPECS)
def test_each_hook_has_a_section_with_its_exact_signature(hook: str) -> None:
    node = SPECS[hook]
    assert node.returns is not None
    text = section(hook)
    assert f"{hook}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}" in text
    assert "**Called** " in text
    assert "**When it fails** " in text
    assert f"def {hook}(" in blocks(text, "python")[0]


def test_no_section_is_about_a_hook_that_is_gone() -> None:
    assert set(re.findall(r"^## (\w+)$", HOOKS, re.M)) == set(SPECS)


@pytest.mark.parametrize("example", blocks(HOOKS, "python"))
def test_examples_of_hooks_are_valid_and_take_what_the_hook_passes(example: str) -> None:
    [function] = [node for node in ast.parse(example).body if isinstance(node, ast.FunctionDef)]
    given = {argument.arg for argument in SPECS[function.name].args.args}
    assert {argument.arg for argument in function.args.args} <= given
    used = {
        node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    made = {name for name in used if name[0].isupper() and hasattr(types, name)}
    assert made <= set(sdk_hooks.__all__)


@pytest.mark.parametrize("hook", SPECS)
def test_each_hook_has_a_test_and_a_user(hook: str) -> None:
    """A hook nobody uses is a promise nobody keeps."""
    tests = [*ROOT.glob("tests/**/test_*.py")]
    others = [path for path in tests if path != Path(__file__)]
    assert any(hook in path.read_text("utf-8") for path in others), f"no test mentions {hook}"
    users = [*ROOT.glob("plugins/*/plugin.py"), *ROOT.glob("tests/fixtures/dist/*/*/plugin.py")]
    assert any(f"def {hook}(" in path.read_text("utf-8") for path in users), f"no plugin implements {hook}"


def test_every_rule_stands_in_the_guide() -> None:
    for rule in checks.all_rules():
        assert rule.__doc__ is not None
        assert f"| {rule.CODE} | {rule.__doc__.strip().splitlines()[0]} |" in GUIDE


@ONCE
def test_snippets_of_the_guide_run(crm_app: Flask) -> None:
    """In order, in one name space, as somebody reading along would type them."""

    def read_along() -> int:
        guide = ModuleType("guide")
        guide.__file__ = str(ROOT / "docs" / "guide.py")
        sys.modules["guide"] = guide  # where mapped annotations are looked up
        with crm_app.app_context():
            for number, snippet in enumerate(blocks(GUIDE, "python")):
                exec(compile(snippet, f"plugin-guide.md, snippet {number}", "exec", dont_inherit=True), vars(guide))
        return len(vars(guide))

    assert apart(read_along) > 20


def test_the_manifest_of_the_guide_is_one(tmp_path: Path) -> None:
    [text] = blocks(GUIDE, "toml")
    (tmp_path / "plugin.toml").write_text(text, "utf-8")
    assert manifest.read(tmp_path).api_fits
    assert set(tomllib.loads(text)) <= {
        "name",
        "title",
        "version",
        "api",
        "requires",
        "uses",
        "extends",
        "protected",
        "training",
        "votes_on",
    }


def test_settings_and_templates_of_the_guide_are_valid() -> None:
    for text in blocks(GUIDE, "ini"):
        configparser.ConfigParser().read_string(text)
    for text in blocks(GUIDE, "jinja"):
        Environment(autoescape=True).parse(text)


@ONCE
def test_commands_of_the_guide_exist(crm_app: Flask) -> None:
    from core.host.cli import plugin

    for command in re.findall(r"crm plugin (\w+)", GUIDE):
        assert command in plugin.commands, f"crm plugin {command}"
    assert "--folder" in {option for parameter in plugin.commands["new"].params for option in parameter.opts}


def test_fixtures_of_the_guide_exist() -> None:
    [table] = re.findall(r"^\| fixture \|.*?(?=^$)", GUIDE, re.M | re.S)
    for names in re.findall(r"^\| (`.*?) \|", table, re.M):
        for name in re.findall(r"`(\w+)", names):
            assert hasattr(kit_plugin, name), name


def test_the_compatibility_table_has_this_version() -> None:
    assert re.search(rf"^\| {re.escape(API_VERSION)} \|", GUIDE, re.M)
