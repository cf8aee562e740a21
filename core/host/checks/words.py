"""The words a plugin shows, and those its catalogue knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import PoFileError, read_po
from jinja2 import Environment, TemplateError
from jinja2.ext import extract_from_ast

from core.config import ROOT
from core.host.checks.source import Module, Plugin
from core.host.checks.things import things
from core.host.messages import LABELLED, TRANSLATING


def used(plugin: Plugin) -> dict[str, str]:
    """Message ids the plugin shows, each with a place where it stands."""
    found: dict[str, str] = {}
    for text, place in (*_title(plugin), *_code(plugin), *_labels(plugin), *_templates(plugin)):
        if text.strip():
            found.setdefault(text, place)
    return found


def _title(plugin: Plugin) -> Iterator[tuple[str, str]]:
    yield str(plugin.manifest.get("title") or ""), "plugin.toml"


def _code(plugin: Plugin) -> Iterator[tuple[str, str]]:
    for module, call in plugin.each_call():
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name in TRANSLATING:
            for text in _texts(module, call.args[TRANSLATING[name]]):
                yield text, module.at(call)


def _texts(module: Module, arguments: list[ast.expr]) -> Iterator[str]:
    for argument in arguments:
        value = module.value(argument)
        if isinstance(value, str):
            yield value


def _labels(plugin: Plugin) -> Iterator[tuple[str, str]]:
    for thing in things(plugin, *LABELLED):
        for name in LABELLED[thing.kind]:
            value = thing.value(name)
            values = value.values() if isinstance(value, dict) else [value]
            yield from ((text, thing.at) for text in values if isinstance(text, str))


def _templates(plugin: Plugin) -> Iterator[tuple[str, str]]:
    environment = Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"], autoescape=True)
    for path in plugin.templates:
        try:
            tree = environment.parse(path.read_text("utf-8"))
        except (TemplateError, UnicodeDecodeError):
            continue  # the rule on syntax says so
        for line, function, message in extract_from_ast(tree, list(TRANSLATING)):
            texts = message if isinstance(message, tuple) else (message,)
            yield from ((text, f"{plugin.relative(path)}:{line}") for text in texts[TRANSLATING[function]] if text)


def catalogue(file: Path) -> tuple[set[str], str]:
    """Message ids with a complete translation, and what is wrong with the file ('' when nothing is)."""
    if not file.is_file():
        return set(), "no Chinese catalogue; add it with a translation for each message id"
    try:
        with file.open("rb") as handle:
            parsed = read_po(handle, locale="zh_CN", abort_invalid=True)
    except (PoFileError, UnicodeDecodeError, ValueError) as error:
        return set(), f"not a valid catalogue: {error}"
    known: set[str] = set()
    for message in parsed:
        ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if message.id and not message.fuzzy and all(strings):
            known.update(ids)
    return known, ""


@lru_cache(maxsize=1)
def core() -> frozenset[str]:
    """What the core's catalogue knows; a plugin's catalogue falls back to it."""
    known, _ = catalogue(ROOT / "translations" / "zh_CN" / "LC_MESSAGES" / "core.po")
    return frozenset(known)
