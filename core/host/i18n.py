"""Catalogues: extract message ids, update, compile, check that zh_CN is complete.

``python -m core.host.i18n extract|check|compile [domain …]``; without a domain, for the core and every plugin in the
tree. Labels of registered things (``MenuItem("…", "Customer list", …)``) and a plugin's title are message ids like
those in ``_("…")``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from core import i18n
from core.config import ROOT
from core.host.messages import folder_of, messages

LOCALE = i18n.DEFAULT

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


def catalogue_path(domain: str) -> Path:
    """The zh_CN catalogue of a domain, there or not."""
    return folder_of(domain) / LOCALE / "LC_MESSAGES" / f"{domain}.po"


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
