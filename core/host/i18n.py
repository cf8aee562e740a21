"""Catalogues: extract message ids, update, compile, check that zh_CN is complete.

``python -m core.host.i18n extract|check|compile [domain …]``; without a domain, for the core and every plugin in the
tree. Labels of registered things (``MenuItem("…", "Customer list", …)``) and a plugin's title are message ids like
those in ``_("…")``.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from core import i18n
from core.config import ROOT

LOCALE = i18n.DEFAULT

_PLAIN = frozenset({"_", "N_", "gettext", "lazy_gettext", "lazy"})
_PLURAL = frozenset({"ngettext", "lazy_ngettext"})
_CONTEXT = frozenset({"pgettext", "lazy_pgettext"})

_LABELS: dict[str, tuple[tuple[int, str], ...]] = {
    "Action": ((1, "label"), (2, "help")),
    "CodeTable": ((1, "label"), (2, "items")),
    "Column": ((2, "label"),),
    "Dataset": ((1, "label"),),
    "Dimension": ((1, "label"),),
    "EventType": ((1, "label"),),
    "Feed": ((1, "label"),),
    "HealthCheck": ((1, "label"),),
    "Job": ((1, "label"),),
    "Measure": ((1, "label"),),
    "MenuItem": ((1, "label"),),
    "Panel": ((2, "title"),),
    "Parameter": ((1, "label"), (7, "help")),
    "ScopeProvider": ((1, "label"),),
    "SearchHit": ((2, "kind"),),
}
"""Where the texts are in what hooks return, by place and by name; ``items`` is a mapping whose values are texts."""

_HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Jinqiao CRM, {domain}\\n"
"Language: zh_CN\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

_TEMPLATE_KEYWORDS = ["_", "gettext", "ngettext", "pgettext"]


@dataclass(frozen=True, slots=True)
class Found:
    """One message id with the place it stands at."""

    id: str | tuple[str, str]
    context: str | None
    path: Path
    line: int


# -- extraction --------------------------------------------------------------------------------------------------------


def in_python(path: Path) -> Iterator[Found]:
    """Message ids of a Python file: translating calls, and labels of registered things."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
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
        elif name in _LABELS:
            yield from (Found(t, None, path, node.lineno) for t in _labels(node, _LABELS[str(name)]))


def _labels(node: ast.Call, places: Iterable[tuple[int, str]]) -> Iterator[str]:
    for position, keyword in places:
        given = node.args[position : position + 1] or [k.value for k in node.keywords if k.arg == keyword]
        for value in given:
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
    manifest = _base(domain) / "plugin.toml"
    if domain != i18n.CORE and manifest.exists():
        title = tomllib.loads(manifest.read_text("utf-8")).get("title")
        if title:
            yield Found(title, None, manifest, 1)


def _ours(path: Path) -> bool:
    away = {"node_modules", "__pycache__", "translations", "scaffold", "migrations", "tests", "static"}
    return not away & set(path.parts)


def _sources(domain: str) -> list[Path]:
    return [ROOT / "core", ROOT / "themes"] if domain == i18n.CORE else [_base(domain)]


def _base(domain: str) -> Path:
    folder = i18n.folder(domain)
    if folder is None:
        raise KeyError(f"no plugin {domain!r} is installed")
    return folder.parent


# -- catalogues --------------------------------------------------------------------------------------------------------


def catalogue_path(domain: str) -> Path:
    """The zh_CN catalogue of a domain, there or not."""
    return _folder(domain) / LOCALE / "LC_MESSAGES" / f"{domain}.po"


def _folder(domain: str) -> Path:
    folder = i18n.folder(domain)
    if folder is None:
        raise KeyError(f"no plugin {domain!r} is installed")
    return folder


def _read(domain: str) -> Catalog:
    path = catalogue_path(domain)
    if not path.exists():
        return Catalog(locale=LOCALE, domain=domain, fuzzy=False, project="Jinqiao CRM")
    with path.open("rb") as handle:
        return read_po(handle, locale=LOCALE, domain=domain)


def _template(domain: str) -> Catalog:
    template = Catalog(domain=domain, project="Jinqiao CRM", fuzzy=False)
    for found in messages(domain):
        place = found.path.relative_to(ROOT) if found.path.is_relative_to(ROOT) else Path(found.path.name)
        template.add(found.id, context=found.context, locations=[(place.as_posix(), found.line)])
    return template


def update(domain: str) -> list[str]:
    """Bring a catalogue in step with the sources, keeping what is translated. What is then still to be translated."""
    catalogue = _read(domain)
    catalogue.update(_template(domain), no_fuzzy_matching=True, update_header_comment=False)
    catalogue.obsolete.clear()
    write(domain, catalogue)
    return missing(domain)


def write(domain: str, catalogue: Catalog) -> None:
    """Write a catalogue so that only its words change the file: no line numbers, no dates, no names."""
    path = catalogue_path(domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = BytesIO()
    write_po(buffer, catalogue, width=120, include_lineno=False, sort_output=True, omit_header=True)
    path.write_bytes(_HEADER.format(domain=domain).encode() + buffer.getvalue())
    i18n.forget()


def missing(domain: str) -> list[str]:
    """Message ids of a domain that have no zh_CN text, neither of their own nor in the core's catalogue.

    Raises:
        KeyError: no such plugin is installed.
    """
    known = [_read(domain), *([] if domain == i18n.CORE else [_read(i18n.CORE)])]
    lacking: dict[str, None] = {}
    for found in messages(domain):
        key = found.id if isinstance(found.id, str) else found.id[0]
        if not any(_translated(catalogue.get(found.id, found.context)) for catalogue in known):
            lacking[key] = None
    return list(lacking)


def wrong(domain: str) -> list[str]:
    """Translations that would fail or mislead when they are filled in: other placeholders than the message id."""
    problems: list[str] = []
    for message in _read(domain):
        if message.id and _translated(message):
            problems.extend(f"{message.id}: {error}" for error in message.check())
            problems.extend(_placeholders(message))
    return problems


def _placeholders(message: Message) -> Iterator[str]:
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    wanted = {name for text in ids for name in _names(text)}
    for text in texts:
        strange = set(_names(text)) - wanted
        if strange:
            yield f"{ids[0]}: unknown placeholder %({sorted(strange)[0]})s"


def _names(text: str | None) -> list[str]:
    return [part.partition(")")[0] for part in (text or "").replace("%%", "").split("%(")[1:]]


def _translated(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    return all(texts) and bool(texts)


def compile_all(domains: Iterable[str] | None = None) -> list[Path]:
    """Compile every catalogue that is newer than its compiled form. The files written."""
    written = []
    for domain in domains if domains is not None else in_tree():
        po = catalogue_path(domain)
        mo = po.with_suffix(".mo")
        if not po.exists() or (mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime):
            continue
        with mo.open("wb") as handle:
            write_mo(handle, _read(domain))
        written.append(mo)
    i18n.forget()
    return written


def in_tree() -> list[str]:
    """The core and the plugins of this source tree."""
    return [i18n.CORE, *sorted(p.parent.name for p in (ROOT / "plugins").glob("*/plugin.toml"))]


# -- command -----------------------------------------------------------------------------------------------------------


def _extract(domains: list[str]) -> int:
    for domain in domains:
        print(f"{domain}: {len(update(domain))} to translate in {catalogue_path(domain)}")
    return 0


def _check(domains: list[str]) -> int:
    problems = 0
    for domain in domains:
        for text in missing(domain):
            print(
                f"{domain}: no {LOCALE} for {text!r}; try: python -m core.host.i18n extract {domain}", file=sys.stderr
            )
            problems += 1
        for text in wrong(domain):
            print(f"{domain}: {text}", file=sys.stderr)
            problems += 1
    print(f"i18n: {len(domains)} domains, {problems} problems")
    return 1 if problems else 0


def _compile(domains: list[str]) -> int:
    print(f"i18n: {len(compile_all(domains))} catalogues compiled")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """The command. 0 done, 1 something is missing, 2 wrong use."""
    commands: dict[str, Callable[[list[str]], int]] = {"extract": _extract, "check": _check, "compile": _compile}
    given: list[Any] = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] not in commands:
        print("use: python -m core.host.i18n extract|check|compile [domain …]", file=sys.stderr)
        return 2
    return commands[given[0]](given[1:] or in_tree())


if __name__ == "__main__":
    sys.exit(main())
