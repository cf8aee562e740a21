"""The last revision of one owner, read from its files without running them.

At each start every schema is looked at, and nearly always it is current: then Alembic is not needed at all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.config import ROOT
from core.db.base import CORE

SCRIPTS = ROOT / "migrations"


def folder_of(name: str) -> Path:
    """Folder with the owner's migration files, which need not exist. The plugin itself is not imported.

    Raises:
        LookupError: nobody has installed a plugin of that name.
    """
    if name == CORE:
        return SCRIPTS / "versions"
    for module in _modules(name):
        spec = find_spec(module)
        if spec is not None and spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations))) / "migrations" / "versions"
    raise LookupError(f"no plugin {name!r} is installed")


def _modules(name: str) -> Iterator[str]:
    yield f"plugins.{name}"
    yield from (point.module for point in entry_points(group="crm.plugins", name=name))  # slow, and seldom needed


def head_of(folder: Path) -> str | None:
    """The revision that no other follows, "" when there are no files.

    None when it takes running the files to tell: they are not one line, or not plain text.
    """
    follows: dict[str, str | None] = {}
    for path in folder.glob("[!_.]*.py"):
        try:
            values = _constants(ast.parse(path.read_bytes()))
            revision, before = values["revision"], values["down_revision"]
        except (OSError, SyntaxError, ValueError, KeyError):
            return None
        if not isinstance(revision, str) or not isinstance(before, str | None) or revision in follows:
            return None
        follows[revision] = before
    if not follows:
        return ""
    last = follows.keys() - follows.values()
    is_line = len(last) == 1 and len(set(follows.values())) == len(follows) and None in follows.values()
    return last.pop() if is_line else None


def _constants(tree: ast.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id in {"revision", "down_revision"}:
                found[target.id] = ast.literal_eval(node.value)
    return found
