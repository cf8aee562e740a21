"""The pages a user has open, kept in the row of their session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import g
from flask_login import current_user

from core.auth.gate import found
from core.auth.models import UserSession
from core.auth.state import short_write

MOST = 20
"""The oldest page leaves the list when one more is opened."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One open page."""

    titles: Mapping[str, str]
    """Language to what the page is called in it; names of people and companies are the same in each."""
    url: str

    def title(self, language: str) -> str:
        """What the page is called; in any language when it is not known in this one."""
        return self.titles.get(language) or next(iter(self.titles.values()), self.url)


def listed() -> list[Tab]:
    """The open pages in the order they were opened; empty when nobody is signed in. Read once a request."""
    if not current_user.is_authenticated:
        return []
    if "crm_tabs" not in g:
        hit = found()
        g.crm_tabs = [_read(kept) for kept in (hit.tabs if hit else ())]
    return list(g.crm_tabs)


def _read(kept: Mapping[str, Any]) -> Tab:
    titles = kept.get("titles") or {"": kept.get("title", "")}  # sessions begun before titles had languages
    return Tab({str(code): str(title) for code, title in titles.items()}, str(kept["url"]))


def open(titles: Mapping[str, str], url: str) -> None:
    """Add a page, or rename and re-address the one that differs only in what stands behind ``?``.

    Writes only when the list changes, so looking at an open page again takes no lock.
    """
    tabs = listed()
    opened = Tab({code: title[:60] for code, title in titles.items()}, url[:500])
    at = next((i for i, tab in enumerate(tabs) if _path(tab.url) == _path(url)), None)
    if at is None:
        _store([*tabs, opened][-MOST:])
    elif tabs[at] != opened:
        _store([*tabs[:at], opened, *tabs[at + 1 :]])


def close(url: str) -> None:
    """Take a page off the list; nothing happens when it is not there."""
    tabs = listed()
    left = [tab for tab in tabs if tab.url != url]
    if len(left) != len(tabs):
        _store(left)


def _path(url: str) -> str:
    return url.partition("?")[0]


def _store(tabs: list[Tab]) -> None:
    if not current_user.is_authenticated:
        return
    with short_write() as session:
        row = session.get(UserSession, current_user.session_id)
        if row is not None:
            row.tabs = [{"titles": dict(tab.titles), "url": tab.url} for tab in tabs]
    g.crm_tabs = tabs
