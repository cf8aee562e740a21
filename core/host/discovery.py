"""Which plugins are there: in the tree, installed as distributions, and in the folders of ``CRM_PLUGIN_PATH``.

Nothing of a plugin is imported here, so that a broken one can still be listed, named and explained.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import plugins
from core.config import ROOT
from core.host.manifest import FILE, Manifest, ManifestError, read

GROUP = "crm.plugins"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found. ``manifest`` is None when it cannot be read; ``error`` then says why, with a mend."""

    name: str
    path: Path | None
    module: str
    origin: str
    """``tree``, ``path <folder>`` or ``distribution <name version>``."""
    manifest: Manifest | None
    error: str = ""

    @property
    def ours(self) -> bool:
        """True for plugins that come with the product; those are on unless somebody switched them off."""
        return self.origin == "tree"


def discover(plugin_path: Iterable[Path] = ()) -> list[Candidate]:
    """Every plugin, in a fixed order: the tree, ``CRM_PLUGIN_PATH``, then distributions.

    One folder reached by two ways counts once. Of two folders with one name the later is refused, both named.
    """
    folders = [Path(folder).resolve() for folder in plugin_path]
    _extend_path(folders)
    found: list[Candidate] = []
    for candidate in _everywhere(folders):
        same_path = any(c.path == candidate.path for c in found if c.path is not None)
        if not same_path:
            found.append(_refuse_second(candidate, found))
    return found


def _everywhere(folders: list[Path]) -> Iterator[Candidate]:
    yield from _in_folder(ROOT / "plugins", "tree")
    for folder in folders:
        yield from _in_folder(folder, f"path {folder}")
    points = sorted(entry_points(group=GROUP), key=lambda p: (p.name, p.value))
    for point in points:
        yield _of_distribution(point)


def _extend_path(folders: list[Path]) -> None:
    for folder in folders:
        if str(folder) not in plugins.__path__:
            plugins.__path__.append(str(folder))
    importlib.invalidate_caches()


def _refuse_second(candidate: Candidate, found: list[Candidate]) -> Candidate:
    first = next((c for c in found if c.name == candidate.name), None)
    if first is None:
        return candidate
    error = (
        f"two plugins are named {candidate.name!r}: {first.path} ({first.origin}), which counts, and {candidate.path} "
        f"({candidate.origin}), which is refused; rename or remove one"
    )
    return Candidate(candidate.name, candidate.path, candidate.module, candidate.origin, None, error)


def _in_folder(folder: Path, origin: str) -> Iterator[Candidate]:
    if not folder.is_dir():
        return
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        if (path / FILE).exists() or (path / "plugin.py").exists():
            yield _candidate(path.name, path.resolve(), f"plugins.{path.name}", origin)


def _candidate(name: str, path: Path, module: str, origin: str) -> Candidate:
    try:
        manifest = read(path)
    except ManifestError as error:
        return Candidate(name, path, module, origin, None, str(error))
    if manifest.name != name:
        where = "the entry point" if origin.startswith("distribution") else "the folder"
        error_text = f"{path / FILE}: name: {manifest.name!r}, but {where} is named {name!r}; give both one name"
        return Candidate(name, path, module, origin, None, error_text)
    return Candidate(name, path, module, origin, manifest)


def _of_distribution(point: EntryPoint) -> Candidate:
    dist = point.dist
    origin = f"distribution {dist.name} {dist.version}" if dist else "distribution"
    try:
        path = _folder_of(point.module)
    except Exception as error:  # find_spec imports parent packages, which are anybody's code
        text = f"entry point {point.name} = {point.value}: {type(error).__name__}: {error}"
        return Candidate(point.name, None, point.module, origin, None, text)
    if path is None:
        text = f"entry point {point.name} = {point.value}: there is no package {point.module!r}; reinstall {origin}"
        return Candidate(point.name, None, point.module, origin, None, text)
    return _candidate(point.name, path, point.module, origin)


def _folder_of(module: str) -> Path | None:
    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))).resolve()
