"""A plugin says what it is for."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM028"


def check(plugin: Plugin) -> Iterator[Finding]:
    """``README.md`` with a title and at least a sentence."""
    file = plugin.folder / "README.md"
    text = file.read_text("utf-8", "replace") if file.is_file() else ""
    if not text.startswith("# ") or len(text.split()) < 10:
        yield Finding(CODE, "say in README.md, under a title, what the plugin does and what it needs", "README.md")
