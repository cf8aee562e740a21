"""The global search: one section a module, each asked by itself, so a module that hangs costs its own section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from flask import Response, abort, g, redirect, request, url_for
from sqlalchemy.exc import DBAPIError
from werkzeug.wrappers import Response as BaseResponse

from core.auth import references
from core.auth.places import local
from core.contract import SearchHit
from core.contract.protocols import PluginFailed, runtime
from core.db import text
from core.db.timeouts import took_too_long
from core.i18n import CORE, label, translator
from core.web.answer import is_fragment, render, toast

_ = translator(CORE)

HOOK = "crm_search"
LIMIT = 20
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Section:
    """Where one module's results will stand."""

    plugin: str
    title: str

    def url(self, query: str) -> str:
        """Address of the results for ``query``."""
        return url_for("core.search_in", plugin=self.plugin, q=references.refer(query))


def cleaned(typed: str) -> str:
    """A query as people meant it: no control characters, single spaces, full-width forms as they are, cut to length."""
    return " ".join("".join(c if c.isprintable() else " " for c in text.cleaned(typed, instead=" ")).split())[:LONGEST]


def searched() -> str:
    """What is searched for on this page, cleaned; "" when nothing is.

    Read it with this and never from ``request.args``: numbers of documents, phones and accounts stand in the address
    only as a reference. One that belongs to an earlier session opens no more, of which a notice tells.
    """
    found = references.resolve(request.args.get(references.FIELD, ""))
    if found is None and not g.get("crm_search_lost"):
        g.crm_search_lost = True
        toast(
            _("What was searched for here is no longer known, because it was another session's. Enter it again."),
            "info",
        )
    return cleaned(found or "")


def asked() -> BaseResponse:
    """The answer to a search form: the page it is for, at an address that holds what was chosen.

    Fields: ``page``, the page's path; every other one becomes a parameter, empty ones are left out.
    """
    page = local(request.form.get("page"), url_for("core.search")).partition("?")[0]
    sent = [(n, v) for n, v in request.form.items(multi=True) if n not in {"page", "csrf_token"}]
    told = [(n, references.refer(cleaned(v)) if n == references.FIELD else v) for n, v in sent]
    return redirect("?".join(filter(None, (page, urlencode([(n, v) for n, v in told if v])))), 303)


def sections() -> list[Section]:
    """The modules that can be searched, in their order."""
    from core.web.shell import plugin_title

    crm = runtime()
    dispatch = cast(Any, crm.dispatch)  # asking one plugin by name is more than the protocol promises
    able = [name for name in crm.snapshot().enabled if dispatch.implementation(name, HOOK) is not None]
    found = [Section(name, label(name, plugin_title(name))) for name in able]
    return sorted(found, key=lambda section: section.title)


def section(plugin: str, query: str) -> Response:
    """One module's hits, or a word that it could not be searched."""
    about = next((s for s in sections() if s.plugin == plugin), None)
    if about is None:
        abort(404)
    hits: list[SearchHit] = []
    failed = slow = False
    if query:
        try:
            hits = _ask(plugin, query)
        except PluginFailed as error:
            failed, cause = True, error.__cause__
            slow = isinstance(cause, DBAPIError) and took_too_long(cause)
    # A hit leads into this system, whatever a module says.
    shown = [(hit, local(hit.url, "")) for hit in hits]
    values: dict[str, Any] = {
        "section": about,
        "hits": shown,
        "failed": failed,
        "slow": slow,
        "query": query,
        "limit": LIMIT,
        "url": about.url(query),
        "all_url": url_for("core.search", q=references.refer(query)),
    }
    return render("core/search_section.html" if is_fragment() else "core/search_one.html", **values)


def _ask(plugin: str, query: str) -> list[SearchHit]:
    dispatch = cast(Any, runtime().dispatch)
    found = dispatch.invoke(dispatch.implementation(plugin, HOOK), {"query": query, "limit": LIMIT})
    if found is None:
        return []
    if not (isinstance(found, list | tuple) and all(isinstance(hit, SearchHit) for hit in found)):
        dispatch.refuse(plugin, HOOK, f"gave {found!r}; it must give a list of SearchHit")
    return list(found)[:LIMIT]
