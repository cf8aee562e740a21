"""Everything a user reads is there in Chinese."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks import words
from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM025"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Each message id has a zh_CN translation in the plugin's own catalogue, or in the core's."""
    wanted = words.used(plugin)
    where = f"translations/zh_CN/LC_MESSAGES/{plugin.name}.po"
    file = plugin.folder / where
    if not wanted:
        return
    own, problem = words.catalogue(file)
    if problem:
        yield Finding(CODE, problem, where)
        return
    known = own | words.core()
    for text, place in sorted(wanted.items()):
        if text not in known:
            yield Finding(CODE, f"no Chinese for {text!r}; add it to {where}, not fuzzy", place)
