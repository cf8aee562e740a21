"""Open-page tabs: which pages a user has open, kept in the server's session."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from flask import g, request
from flask_babel import force_locale
from markupsafe import Markup

from core.auth import references, tabs
from core.db import text
from core.i18n import LANGUAGES, current
from core.web.answer import is_htmx
from core.web.shell import OpenTab

Title = Callable[[], str]


def show(title: Title) -> list[OpenTab]:
    """The open tabs, with this page among them when one can come back to it by its address.

    Args:
        title: the page's block ``title``, which says it in the language in force when it is called.
    """
    here, language = _address(), current()
    if _lasting():
        _note(title, here, language)
    return [OpenTab(tab.title(language), tab.url, _same(tab.url, here)) for tab in tabs.listed()]


def _note(title: Title, here: str, language: str) -> None:
    """Keep the title in every language, so that a tab speaks the one its reader switches to.

    Said in the others only when it is new: most requests are for a page that is open already.
    """
    own = _said(title)
    known = next((tab.titles for tab in tabs.listed() if tab.url == here), {})
    if own and known.get(language) != own:
        titles = {code: own if code == language else _said_in(code, title) for code in LANGUAGES}
        tabs.open(titles, here, _subject())


def _said_in(language: str, title: Title) -> str:
    with force_locale(language):
        return _said(title)


def _said(title: Title) -> str:
    """A title comes out of a template as HTML, and may hold a name that a source system sent."""
    return " ".join(text.cleaned(Markup(title()).unescape(), instead=" ").split())  # noqa: S704  # to text, not to HTML


def _address() -> str:
    """The page's address without what was searched for, or any other document or phone number."""
    told = [(k, v) for k, v in request.args.items(multi=True) if k not in {references.FIELD, "cursor"}]
    kept = [(k, v) for k, v in told if references.harmless(k, v)]
    return request.path + (f"?{urlencode(kept)}" if kept else "")


def _subject() -> str:
    """What the pages that share a tab are about: the address up to the first variable of its route, such as a
    customer's number. Empty for pages about nothing in particular, which each have their own."""
    parts = request.url_rule.rule.split("/") if request.url_rule else []
    variable = next((number for number, part in enumerate(parts) if "<" in part), None)
    return "" if variable is None else "/".join(request.path.split("/")[: variable + 1])


def _lasting() -> bool:
    """Only whole pages that were simply opened: no errors, no pieces, no answers to forms, not the start page."""
    plain = request.method == "GET" and not is_htmx() and not g.get("crm_no_tab", False)
    return plain and request.endpoint not in {None, "core.home"}


def _same(one: str, other: str) -> bool:
    return one.partition("?")[0] == other.partition("?")[0]
