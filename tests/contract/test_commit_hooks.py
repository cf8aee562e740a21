"""The hooks of a commit: readable by pre-commit, fetched from nowhere, and able to refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"


def pre_commit(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_configuration_is_valid_and_fetches_nothing() -> None:
    answer = pre_commit("validate-config", str(CONFIG))
    assert answer.returncode == 0, answer.stdout
    assert "repo: http" not in CONFIG.read_text("utf-8")


@pytest.mark.parametrize(
    ("hook", "bad", "good"),
    [
        ("ruff", ("a.py", "import os\n"), ("a.py", '"""Nothing."""\n')),
        ("format", ("a.py", "x = {  1: 2}\n"), ("a.py", "x = {1: 2}\n")),
        ("changes", ("changes/news.md", "x\n"), ("changes/2.fixed.md", "x\n")),
    ],
)
def test_a_hook_refuses_what_is_wrong_and_nothing_else(
    tmp_path: Path, hook: str, bad: tuple[str, str], good: tuple[str, str]
) -> None:
    """In a repository of its own, so that the work tree here is left alone."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in (".pre-commit-config.yaml", "setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    for (name, text), passes in ((bad, False), (good, True)):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        subprocess.run(["git", "add", name, ".pre-commit-config.yaml"], cwd=tmp_path, check=True)
        answer = pre_commit("run", hook, "--files", name, cwd=tmp_path)
        assert (answer.returncode == 0) is passes, answer.stdout + answer.stderr
