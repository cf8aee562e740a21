"""The plugin guide, followed word for word by somebody who has nothing yet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "plugin-guide.md").read_text("utf-8")


def commands(after: str) -> list[str]:
    """The commands of the first console block after these words, without what they say of themselves."""
    block = re.search(r"```console\n(.*?)```", GUIDE[GUIDE.index(after) :], re.S)
    assert block
    return [line.removeprefix("$ ").partition("  #")[0].strip() for line in block.group(1).splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> subprocess.Popen[str]:
    """What runs commands one after the other, with ``crm`` on its path and an empty home."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "crm").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m core.cli "$@"\n')
    (bin_ / "crm").chmod(0o755)
    environment = {**kept, "HOME": str(tmp_path), "PATH": f"{bin_}:{kept['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        ["bash", "-e"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_first_five_minutes_and_the_first_revision(shell: subprocess.Popen[str], tmp_path: Path) -> None:
    """All but the plugin's own tests, which test_scaffold runs, and the server, which test_serve starts."""
    steps = [step for step in commands("## Five minutes") if "pytest" not in step and not step.startswith("crm serve")]
    assert len(steps) > 5
    column = "    place: Mapped[str | None] = mapped_column(String(100))"
    steps += [
        f"sed -i '/^    title: Mapped/a\\{column}' ~/plugins/duties/models.py",
        *commands("Let the kit write the next one"),
        "crm role show branch_head",
        "crm plugin list",
    ]
    output, _ = shell.communicate("\n".join(["set -x", *steps]))
    assert shell.returncode == 0, output[-3000:]
    assert "No findings." in output
    assert (tmp_path / "plugins" / "duties" / "migrations" / "versions" / "0002_due_dates.py").exists()
    assert re.search(r"^duties: 0002", output, re.M)
    assert re.search(r"^duties +0\.1\.0 +enabled$", output, re.M)
    assert "duties.*" in output
