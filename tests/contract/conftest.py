"""Projects of plugin authors, built, installed and tested as they would do it: in processes of their own, offline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
DIST = ROOT / "tests" / "fixtures" / "dist"


def environment(*folders: Path, **more: str) -> dict[str, str]:
    """Variables of a process that finds the product, and what is installed in these folders."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    path = [*folders, ROOT, *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, path)), **more}


def run(*words: str | Path, cwd: Path, env: dict[str, str], code: int = 0) -> str:
    """Output of a command that must end with ``code``."""
    done = subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == code, (
        f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}\n{done.stderr[-6000:]}"
    )
    return done.stdout


def run_tests(folder: Path, env: dict[str, str], *words: str) -> tuple[int, str]:
    """Run the tests of a project that must pass: how many did, and what was said."""
    kit = [] if entry_points(group="pytest11", name="jinqiao") else ["-p", "core.sdk.testing"]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *kit, *words]
    said = run(*command, cwd=folder, env=env)
    counted = re.search(r"(\d+) passed", said)
    return int(counted.group(1)) if counted else 0, said


def wheel(name: str, into: Path) -> Path:
    """Build a project of ``tests/fixtures/dist`` from a copy; returns the wheel."""
    source = into / "source"
    if not source.exists():
        shutil.copytree(DIST, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    out = into / f"wheel-{name}"
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    run(*pip, "--wheel-dir", out, source / name, cwd=into, env=dict(os.environ))
    [made] = out.glob("*.whl")
    return made


def install(made: Path, site: Path) -> None:
    """Install a wheel into the folder ``site``, in place of another version."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--upgrade"]
    run(*pip, "--target", site, made, cwd=site.parent, env=dict(os.environ))


@pytest.fixture
def kit() -> ModuleType:
    """The functions of this file."""
    return sys.modules[__name__]
