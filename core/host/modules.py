"""A plugin's Python modules in this process: the right ones, and none left when it is loaded again."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from core.db.base import discard


def forget(name: str, module: str) -> None:
    """Drop a plugin's modules, mappings and tables from this process, so that loading it again starts afresh."""
    discard(name)
    for loaded in [m for m in sys.modules if m == module or m.startswith(f"{module}.")]:
        del sys.modules[loaded]
    parent, _, last = module.rpartition(".")
    if parent in sys.modules:
        vars(sys.modules[parent]).pop(last, None)
    importlib.invalidate_caches()


def drop_stale(name: str, module: str, path: Path | None) -> None:
    """A module of this name from another folder (an earlier app of this process) must not stand in for this one."""
    loaded = sys.modules.get(module)
    if loaded is None or path is None:
        return
    if path not in {Path(folder).resolve() for folder in getattr(loaded, "__path__", ())}:
        forget(name, module)


def check_folder(module: ModuleType, path: Path | None) -> None:
    """What was imported must be what was found: another package of that name may come first on the path."""
    if path is not None and Path(module.__file__ or "").resolve().parent != path:
        raise ImportError(f"{module.__name__} was found in {path} but imported from {module.__file__}; rename one")
