"""The message ids of the core and of plugins, found in translating calls, templates and labels of registered things."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from jinja2.ext import babel_extract

from core import i18n
from core.config import ROOT
from core.contract import types

_PLAIN = frozenset({"_", "N_", "gettext", "lazy_gettext", "lazy"})
_PLURAL = frozenset({"ngettext", "lazy_ngettext"})
_CONTEXT = frozenset({"pgettext", "lazy_pgettext"})

TRANSLATING = {
    **dict.fromkeys(_PLAIN, slice(0, 1)),
    **dict.fromkeys(_PLURAL, slice(0, 2)),
    **dict.fromkeys(_CONTEXT, slice(1, 2)),
}
"""Functions that translate, and which of their arguments are message ids."""

LABELLED: dict[str, tuple[str, ...]] = {
    "Action": ("label", "help"),
    "CodeTable": ("label", "items"),
    "Column": ("label",),
    "Dataset": ("label",),
    "Dimension": ("label",),
    "EventType": ("label",),
    "Feed": ("label",),
    "HealthCheck": ("label",),
    "Job": ("label",),
    "Measure": ("label",),
    "MenuItem": ("label",),
    "Panel": ("title",),
    "Parameter": ("label", "help"),
    "ScopeProvider": ("label",),
    "SearchHit": ("kind",),
}
"""Where the texts are in what hooks give; ``items`` is a mapping whose values are texts."""

_TEMPLATE_KEYWORDS = ["_", "gettext", "ngettext", "pgettext"]


@dataclass(frozen=True, slots=True)
class Found:
    """One message id with the place it stands at."""

    id: str | tuple[str, str]
    context: str | None
    path: Path
    line: int


def in_python(path: Path) -> Iterator[Found]:
    """Message ids of a Python file: translating calls, and labels of registered things."""
    parsed = ast.parse(path.read_text("utf-8"), str(path))
    tables = [node for node in parsed.body if isinstance(node, ast.Assign)]
    named = {target.id: table.value for table in tables for target in table.targets if isinstance(target, ast.Name)}
    for node in ast.walk(parsed):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
        if name in _PLAIN:
            yield from (Found(t, None, path, node.lineno) for t in _texts(node.args[:1]))
        elif name in _PLURAL:
            both = list(_texts(node.args[:2]))
            if len(both) == 2:
                yield Found((both[0], both[1]), None, path, node.lineno)
        elif name in _CONTEXT:
            both = list(_texts(node.args[:2]))
            if len(both) == 2:
                yield Found(both[1], both[0], path, node.lineno)
        elif name in LABELLED:
            yield from (Found(t, None, path, node.lineno) for t in _labels(node, str(name), named))


def _labels(node: ast.Call, kind: str, named: Mapping[str, ast.expr]) -> Iterator[str]:
    order = [field.name for field in fields(getattr(types, kind))]
    for keyword in LABELLED[kind]:
        position = order.index(keyword)
        given = node.args[position : position + 1] or [k.value for k in node.keywords if k.arg == keyword]
        for value in given:
            value = named.get(value.id, value) if isinstance(value, ast.Name) else value  # a table of the same file
            yield from _texts(value.values if isinstance(value, ast.Dict) else [value])


def _texts(nodes: Iterable[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
            yield node.value


def in_template(path: Path) -> Iterator[Found]:
    """Message ids of a template."""
    with path.open("rb") as handle:
        options = {"trimmed": "true", "silent": "false"}
        for line, function, message, _comments in babel_extract(handle, _TEMPLATE_KEYWORDS, [], options):
            parts = [p for p in (message if isinstance(message, tuple) else (message,)) if isinstance(p, str)]
            if function == "pgettext" and len(parts) >= 2:
                yield Found(parts[1], parts[0], path, line)
            elif function == "ngettext" and len(parts) >= 2:
                yield Found((parts[0], parts[1]), None, path, line)
            elif parts and parts[0]:
                yield Found(parts[0], None, path, line)


def messages(domain: str) -> Iterator[Found]:
    """Every message id of a domain, in the order of files and lines.

    Raises:
        KeyError: no such plugin is installed.
    """
    for base in _sources(domain):
        for path in sorted(p for p in base.rglob("*") if p.suffix in {".py", ".html"} and _ours(p.relative_to(base))):
            yield from in_python(path) if path.suffix == ".py" else in_template(path)
    manifest = folder_of(domain).parent / "plugin.toml"
    if domain != i18n.CORE and manifest.exists():
        title = tomllib.loads(manifest.read_text("utf-8")).get("title")
        if title:
            yield Found(title, None, manifest, 1)


def _ours(path: Path) -> bool:
    away = {"node_modules", "__pycache__", "translations", "scaffold", "migrations", "tests", "static"}
    return not away & set(path.parts)


def _sources(domain: str) -> list[Path]:
    return [ROOT / "core", ROOT / "themes"] if domain == i18n.CORE else [folder_of(domain).parent]


def folder_of(domain: str) -> Path:
    """Where the catalogues of a domain stand.

    Raises:
        KeyError: no such plugin is installed.
    """
    folder = i18n.folder(domain)
    if folder is None:
        raise KeyError(f"no plugin {domain!r} is installed")
    return folder
