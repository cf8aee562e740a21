"""What goes into a page is escaped, unless a comment on the spot says why not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM011"
_UNSAFE = re.compile(r"\|\s*safe\b|\{%-?\s*autoescape\s+false", re.I)
_REASON = re.compile(r"\{#-?\s*safe:\s*\S.*?#\}")
_MARKUP = {"markupsafe.Markup", "flask.Markup"}


def check(plugin: Plugin) -> Iterator[Finding]:
    """``|safe`` and ``Markup`` of something made at run time need a reason."""
    for path in plugin.templates:
        lines = path.read_text("utf-8", "replace").splitlines()
        for number, line in enumerate(lines, 1):
            if _UNSAFE.search(re.sub(r"\{#.*?#\}", "", line)) and not _reasoned(lines, number):
                cure = "leave it out, or say why it is safe on the line or the one above: {# safe: … #}"
                yield Finding(CODE, f"not escaped; {cure}", f"{plugin.relative(path)}:{number}")
    for module, call in plugin.each_call():
        literal = call.args and isinstance(module.value(call.args[0]), str)
        if module.name_of(call.func) in _MARKUP and not literal:
            yield Finding(
                CODE,
                'Markup of a value made at run time; use Markup("…").format(value), which escapes',
                module.at(call),
            )


def _reasoned(lines: list[str], number: int) -> bool:
    return any(_REASON.search(line) for line in lines[max(0, number - 2) : number])
