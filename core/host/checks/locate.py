"""Where a plugin's files are, found without importing it."""

from __future__ import annotations

import importlib.util
import os
from importlib.metadata import entry_points
from pathlib import Path

from core.config import ROOT


def folder_of(name_or_path: str | Path) -> Path:
    """The folder that holds ``plugin.toml``: of that path, else of the plugin of that name.

    Looks where the host looks: ``plugins/`` in the tree, folders of ``CRM_PLUGIN_PATH``, installed distributions.

    Raises:
        LookupError: nothing of that name is installed.
    """
    path = Path(name_or_path)
    if (path / "plugin.toml").is_file() or (os.sep in str(name_or_path) and path.is_dir()):
        return path.resolve()
    name = str(name_or_path)
    paths = [Path(p) for p in os.environ.get("CRM_PLUGIN_PATH", "").split(os.pathsep) if p]
    for candidate in [ROOT / "plugins" / name, *(base / name for base in paths), *_installed(name)]:
        if (candidate / "plugin.toml").is_file():
            return candidate.resolve()
    raise LookupError(f"no plugin {name!r}: not in plugins/, not in CRM_PLUGIN_PATH, not installed, and no such folder")


def _installed(name: str) -> list[Path]:
    folders = []
    for point in entry_points(group="crm.plugins", name=name):
        # only the top module: looking for a submodule's spec would import its parents
        spec = importlib.util.find_spec(point.module.partition(".")[0])
        for place in (spec.submodule_search_locations or ()) if spec else ():
            folders.append(Path(place, *point.module.split(".")[1:]))
    return folders
