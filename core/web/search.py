"""The global search: one section a module, each asked by itself, so a module that hangs costs its own section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Response, abort, url_for

from core.contract import SearchHit
from core.contract.protocols import PluginFailed, runtime
from core.i18n import label
from core.web.answer import is_fragment, local, render

LIMIT = 20
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Section:
    """Where one module's results will stand."""

    plugin: str
    title: str


def cleaned(text: str) -> str:
    """A query as people meant it: no control characters, single spaces, full-width forms as they are, cut to length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST]


def sections() -> list[Section]:
    """The modules that can be searched, in their order."""
    from core.web.shell import plugin_title

    crm = runtime()
    dispatch = cast(Any, crm.dispatch)  # asking one plugin by name is more than the protocol promises
    able = [name for name in crm.snapshot().enabled if dispatch.implementation(name, "crm_search") is not None]
    found = [Section(name, label(name, plugin_title(name))) for name in able]
    return sorted(found, key=lambda section: section.title)


def section(plugin: str, query: str) -> Response:
    """One module's hits, or a word that it could not be searched."""
    about = next((s for s in sections() if s.plugin == plugin), None)
    if about is None:
        abort(404)
    hits: list[SearchHit] = []
    failed = False
    if query:
        try:
            hits = _ask(plugin, query)
        except PluginFailed:
            failed = True
    # A hit leads into this system, whatever a module says.
    shown = [(hit, local(hit.url, "")) for hit in hits if isinstance(hit, SearchHit)]
    values: dict[str, Any] = {
        "section": about,
        "hits": shown,
        "failed": failed,
        "query": query,
        "limit": LIMIT,
        "url": url_for("core.search_in", plugin=plugin, q=query),
    }
    return render("core/search_section.html" if is_fragment() else "core/search_one.html", **values)


def _ask(plugin: str, query: str) -> list[SearchHit]:
    dispatch = cast(Any, runtime().dispatch)
    found = dispatch.invoke(dispatch.implementation(plugin, "crm_search"), {"query": query, "limit": LIMIT})
    return list(found or ())[:LIMIT]
