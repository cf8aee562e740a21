"""Themes: where templates are looked for, and the built assets.

A theme is a folder ``themes/<name>`` with ``theme.toml`` (title, parent), ``templates/`` and ``static/dist/``. It may
replace one macro (``ui/tag.html``), or one block of a page (``{% extends "core:customers/list.html" %}``), or only set
variables in ``assets/css/theme.css``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, current_app, has_request_context, request
from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, TemplateNotFound
from jinja2.loaders import split_template_path

from core.config import ROOT, ConfigError

THEMES = ROOT / "themes"
BASE = "default"
BUILD = "make assets"


class AssetsMissing(Exception):
    """The assets have not been built, or lack a file that a template asks for. The message names the command."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme and, through ``parent``, those it builds on."""

    name: str
    title: str
    folder: Path
    parent: Theme | None

    def chain(self) -> Iterator[Theme]:
        """This theme, its parent, and so on up to ``default``."""
        theme: Theme | None = self
        while theme is not None:
            yield theme
            theme = theme.parent


def read(name: str, folder: Path = THEMES, seen: tuple[str, ...] = ()) -> Theme:
    """The theme of that name with its parents.

    Raises:
        ConfigError: no such theme, an unreadable ``theme.toml``, or parents that go in a circle.
    """
    if name in seen:
        raise ConfigError(f"themes are each other's parents: {' → '.join((*seen, name))}")
    path = folder / name / "theme.toml"
    if not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in folder.glob("*/theme.toml")))
        raise ConfigError(f"CRM_THEME={name!r}: no such theme; known are {known}")
    try:
        about = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    above = about.get("parent", None if name == BASE else BASE)
    return Theme(name, about.get("title", name), path.parent, read(above, folder, (*seen, name)) if above else None)


# -- templates ---------------------------------------------------------------------------------------------------------


class PluginLoader(BaseLoader):
    """Templates of blueprints: only those under the name of the plugin that owns the blueprint.

    So a plugin can neither replace a page of another plugin nor one of the shell; that is what themes are for.
    """

    def __init__(self, app: Flask) -> None:
        self.app = app

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        """The source of ``customers/list.html`` from a blueprint ``customers`` or ``customers_something``."""
        owner = split_template_path(template)[0]
        for blueprint in self.app.iter_blueprints():
            named = blueprint.name == owner or blueprint.name.startswith(f"{owner}_")
            if not named or blueprint.jinja_loader is None:
                continue
            try:
                return blueprint.jinja_loader.get_source(environment, template)
            except TemplateNotFound:
                continue
        raise TemplateNotFound(template)


class _Prefixed(PrefixLoader):
    """``core:customers/list.html``: the template as it is without the chosen theme, for a theme to extend."""

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__({"core": loader}, delimiter=":")


def make_loader(app: Flask, theme: Theme) -> BaseLoader:
    """Theme → default theme → plugin → core, and the same without the theme under ``core:``."""
    chain = list(theme.chain())
    own = [FileSystemLoader(t.folder / "templates") for t in chain if t.name != BASE]
    base = [FileSystemLoader(t.folder / "templates") for t in chain if t.name == BASE]
    plain = ChoiceLoader([*base, PluginLoader(app), FileSystemLoader(Path(__file__).parent / "templates")])
    return ChoiceLoader([*own, plain, _Prefixed(plain)])


# -- assets ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Manifest:
    path: Path
    stamp: int = 0
    files: dict[str, str] = field(default_factory=dict)
    icons: frozenset[str] = frozenset()

    def fresh(self) -> _Manifest:
        """Read again when a build has replaced it; one ``stat`` a look-up."""
        try:
            stamp = self.path.stat().st_mtime_ns
        except FileNotFoundError as error:
            raise AssetsMissing(f"no built assets in {self.path.parent}; run: {BUILD}") from error
        if stamp != self.stamp:
            about = json.loads(self.path.read_text("utf-8"))
            self.files, self.icons, self.stamp = about["files"], frozenset(about["icons"]), stamp
        return self


def _address(theme: str, built: str) -> str:
    # What url_for would say of core.asset; a page with fifty icons asks too often for building it each time.
    root = request.script_root if has_request_context() else ""
    return f"{root}/assets/{theme}/{built}"


class Assets:
    """Addresses of built files: fingerprinted, so that they may be cached for ever."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self._manifests = {t.name: _Manifest(t.folder / "static" / "dist" / "manifest.json") for t in theme.chain()}

    def url(self, name: str) -> str:
        """Address of ``ui.css`` and the like, from the first theme of the chain that has it.

        Raises:
            AssetsMissing: nothing built, or no such file.
        """
        for theme, manifest in self._manifests.items():
            built = manifest.fresh().files.get(name)
            if built:
                return _address(theme, built)
        raise AssetsMissing(f"no asset {name!r} in themes {', '.join(self._manifests)}; run: {BUILD}")

    def sheets(self) -> list[str]:
        """Style sheets of a page: the default one, then what each theme of the chain adds, outermost last."""
        extra = [
            (t, m.fresh().files["theme.css"]) for t, m in self._manifests.items() if "theme.css" in m.fresh().files
        ]
        return [self.url("ui.css"), *(_address(t, built) for t, built in reversed(extra))]

    def icon(self, name: str) -> str:
        """Address of one icon; of a plain point for a name that the sprite was built without."""
        known = self._manifests[BASE].fresh().icons
        return f"{self.url('icons.svg')}#{name if name in known else 'point'}"

    def built(self, theme: str, name: str) -> Path | None:
        """The file behind an address, or None: only what a manifest lists is ever served."""
        manifest = self._manifests.get(theme)
        if manifest is None or name not in manifest.fresh().files.values():
            return None
        return manifest.path.parent / name


def assets() -> Assets:
    """The assets of the current app's theme."""
    found: Assets = current_app.extensions["crm.assets"]
    return found
