"""Open-page tabs: which pages a user has open, kept in the server's session."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import g, request

from core.auth import tabs
from core.web.answer import is_htmx
from core.web.shell import OpenTab


def show(title: str) -> list[OpenTab]:
    """The open tabs, with this page among them when one can come back to it by its address."""
    here = _address()
    if title and _lasting():
        tabs.open(title, here)
    return [OpenTab(tab.title, tab.url, _same(tab.url, here)) for tab in tabs.listed()]


def _address() -> str:
    """The page's address without what was searched for: that may be somebody's document or phone number."""
    kept = [(key, value) for key, value in request.args.items(multi=True) if key not in {"q", "cursor"}]
    return request.path + (f"?{urlencode(kept)}" if kept else "")


def _lasting() -> bool:
    """Only whole pages that were simply opened: no errors, no pieces, no answers to forms, not the start page."""
    plain = request.method == "GET" and not is_htmx() and not g.get("crm_no_tab", False)
    return plain and request.endpoint not in {None, "core.home"}


def _same(one: str, other: str) -> bool:
    return one.partition("?")[0] == other.partition("?")[0]
