"""No script or style inside a page: the content security policy blocks both, and the page would fail silently."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM010"
_COMMENT = re.compile(r"\{#.*?#\}|<!--.*?-->", re.S)
_EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
_BREACHES = (
    (re.compile(r"<script(?![^>]*\bsrc\s*=)", re.I), "inline script; put it into a file of static/{name}/"),
    (re.compile(r"<style\b", re.I), "inline style; put it into a file of static/{name}/, in @layer plugin"),
    (re.compile(r"<[a-z][^<>]*\sstyle\s*=", re.I), "style attribute; use a class, or a token of the theme"),
    (re.compile(r"<[a-z][^<>]*\son[a-z]+\s*=", re.I), "on… handler; listen from a script file, or use hx- attributes"),
    (re.compile(r"<[a-z][^<>]*\shx-on\b", re.I), "hx-on runs text as script; listen from a script file"),
    (re.compile(r"javascript:", re.I), "javascript: address; use a button and a script file"),
)


def check(plugin: Plugin) -> Iterator[Finding]:
    """Nothing in ``templates/`` needs ``unsafe-inline``."""
    for path in plugin.templates:
        text = _blank(_EXPRESSION, _blank(_COMMENT, path.read_text("utf-8", "replace")))
        for pattern, cure in _BREACHES:
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.end()) + 1
                yield Finding(CODE, cure.format(name=plugin.name), f"{plugin.relative(path)}:{line}")


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Cut out matches, keeping line numbers."""
    return pattern.sub(lambda match: "\n" * match.group().count("\n"), text)
