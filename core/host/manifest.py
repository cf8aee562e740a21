"""``plugin.toml``: read and checked without importing the plugin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from core.contract import API_VERSION

FILE = "plugin.toml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")
NAMES_TAKEN = frozenset({"core", "plugins", "static", "auth"})


class ManifestError(Exception):
    """``plugin.toml`` cannot be used. The message names the file, the field, what is wrong and how to mend it."""

    def __init__(self, path: Path, field: str, problem: str, mend: str) -> None:
        super().__init__(f"{path}: {field}: {problem}; {mend}")
        self.path, self.field, self.problem, self.mend = path, field, problem, mend


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a plugin says about itself. ``requires`` maps plugin name to version range (``">=1.0,<2"``).

    ``votes_on`` names the actions its ``crm_decide`` votes on: here, so that they are known when its code is broken.
    """

    name: str
    title: str
    version: str
    api: str
    requires: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    uses: tuple[str, ...] = ()
    extends: tuple[str, ...] = ()
    votes_on: tuple[str, ...] = ()
    protected: bool = False
    training: bool = False
    description: str = ""

    @property
    def api_fits(self) -> bool:
        """Whether this core offers the API version the plugin was written for."""
        return Version(API_VERSION) in SpecifierSet(self.api, prereleases=True)


_KINDS: dict[str, tuple[type, str]] = {
    "name": (str, 'text, such as name = "visits"'),
    "title": (str, 'text, such as title = "Visits"'),
    "version": (str, 'text, such as version = "1.0.0"'),
    "api": (str, 'text, such as api = ">=1.0,<2"'),
    "requires": (dict, 'a table, such as requires = { customers = ">=0.1,<1" }'),
    "uses": (list, 'a list of names, such as uses = ["products"]'),
    "extends": (list, 'a list of names, such as extends = ["customers"]'),
    "votes_on": (list, 'a list of actions, such as votes_on = ["customers.party.export"]'),
    "protected": (bool, "true or false"),
    "training": (bool, "true or false"),
    "description": (str, "text"),
}
_NEEDED = ("name", "title", "version", "api")


def read(folder: Path) -> Manifest:
    """The manifest of the plugin in ``folder``.

    Raises:
        ManifestError: for the first thing that is wrong.
    """
    path = folder / FILE
    values = _toml(path)
    for key, value in values.items():
        _check_kind(path, key, value)
    for key in _NEEDED:
        if not values.get(key):
            raise ManifestError(path, key, "is missing", f"give it as {_KINDS[key][1]}")
    _check_name(path, "name", values["name"])
    _check_version(path, values["version"])
    _check_range(path, "api", values["api"])
    requires = _requires(path, values)
    lists = {key: _names(path, key, values) for key in ("uses", "extends")}
    values.update(requires=MappingProxyType(requires), votes_on=_actions(path, values), **lists)
    return Manifest(**values)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ManifestError(path, "file", "does not exist", f"add a {FILE} to the plugin's folder") from None
    except UnicodeDecodeError as error:
        raise ManifestError(path, "file", f"is not UTF-8 ({error.reason})", "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(path, "file", f"is not TOML: {error}", "mend the line it names") from error
    except OSError as error:
        raise ManifestError(path, "file", f"cannot be read: {error.strerror}", "make it readable") from error


def _check_kind(path: Path, key: str, value: Any) -> None:
    if key not in _KINDS:
        raise ManifestError(path, key, "is not a field", f"the fields are {', '.join(_KINDS)}")
    kind, example = _KINDS[key]
    if type(value) is not kind:
        raise ManifestError(path, key, f"is {value!r}", f"it must be {example}")


def _check_name(path: Path, key: str, name: Any) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        mend = "names are 1 to 16 characters: lower case letters, digits and _, beginning with a letter"
        raise ManifestError(path, key, f"{name!r} is not a plugin name", mend)
    if name in NAMES_TAKEN:
        raise ManifestError(path, key, f"{name!r} is a name of the core", "choose another")


def _check_version(path: Path, version: str) -> None:
    try:
        Version(version)
    except InvalidVersion:
        mend = 'use numbers with dots, such as "1.0.0"'
        raise ManifestError(path, "version", f"{version!r} is not a version", mend) from None


def _check_range(path: Path, key: str, text: Any) -> None:
    try:
        SpecifierSet(text)
    except (InvalidSpecifier, TypeError, AttributeError):
        mend = 'write it as ">=1.0,<2"'
        raise ManifestError(path, key, f"{text!r} is not a version range", mend) from None


def _requires(path: Path, values: Mapping[str, Any]) -> dict[str, str]:
    requires: dict[str, str] = values.get("requires", {})
    for name, wanted in requires.items():
        _check_name(path, f"requires.{name}", name)
        _check_range(path, f"requires.{name}", wanted)
        if name == values["name"]:
            raise ManifestError(path, "requires", "names the plugin itself", "take it out")
    return dict(requires)


def _names(path: Path, key: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    names: list[Any] = values.get(key, [])
    for name in names:
        _check_name(path, key, name)
    return tuple(names)


def _actions(path: Path, values: Mapping[str, Any]) -> tuple[str, ...]:
    actions: list[Any] = values.get("votes_on", [])
    for action in actions:
        if not isinstance(action, str) or "." not in action.strip("."):
            mend = "name whole actions, or those below one name, such as customers.party.*"
            raise ManifestError(path, "votes_on", f"{action!r} is not an action", mend)
    return tuple(actions)
