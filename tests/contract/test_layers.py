"""Imports run downward only, without circles, and the core never imports a plugin."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FLOORS = [
    {"contract", "config"},
    {"db"},
    {"extensions"},
    {"i18n"},
    {"monitoring"},
    {"orgs", "parameters"},
    {"auth", "scheduler"},
    {"permissions"},
    {"approvals", "warehouse"},
    {"exchange"},
    {"host", "web"},
    {"sdk"},
    {"app"},
    {"demo", "serve"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}

# ``core.sdk.testing`` starts whole apps, so it alone may reach upwards.
REACHES_UP = {"core.sdk.testing"}


def modules(*folders: str) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "template" not in path.parts and "migrations" not in path.parts and "node_modules" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path


def imported(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def area(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


@pytest.mark.parametrize(("module", "path"), list(modules("core")))
def test_core_imports_run_downward(module: str, path: Path) -> None:
    if any(module.startswith(name) for name in REACHES_UP) or area(module) == "":
        return
    wrong = {
        name
        for name in imported(path)
        if name.startswith("core.") and area(name) != area(module) and LEVEL.get(area(name), -1) >= LEVEL[area(module)]
    }
    assert not wrong, f"{module} imports {sorted(wrong)}, which stand on its own floor or above"


@pytest.mark.parametrize(("module", "path"), list(modules("core")))
def test_core_never_imports_a_plugin(module: str, path: Path) -> None:
    wrong = [name for name in imported(path) if name.startswith("plugins.")]
    assert not wrong


@pytest.mark.parametrize(("module", "path"), list(modules("plugins")))
def test_plugins_import_only_the_sdk(module: str, path: Path) -> None:
    own = ".".join(module.split(".")[:2])
    wrong = [
        name
        for name in imported(path)
        if (name.startswith("core.") and not name.startswith("core.sdk"))
        or (name.startswith("plugins.") and not name.startswith(own) and ".api" not in name)
    ]
    assert not wrong


def test_every_area_has_its_floor() -> None:
    areas = {p.stem for p in (ROOT / "core").iterdir() if p.stem != "__init__" and not p.name.startswith("__")}
    assert areas <= LEVEL.keys(), f"give {sorted(areas - LEVEL.keys())} a floor, and docs/architecture.md too"
