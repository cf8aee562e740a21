"""The pages a user has open, kept in the row of their session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def open(titles: Mapping[str, str], url: str, subject: str = "") -> None:
    """Add a page, or rename and re-address the one that differs only in what stands behind ``?``.

    Pages about the same ``subject``, which their addresses begin with, share one line: that of the last one opened.

    Writes only when the list changes, so looking at an open page again takes no lock.
    """
    opened = Tab({code: title[:60] for code, title in titles.items()}, url[:500])
    _change(lambda tabs: _with(tabs, opened, subject))


def close(url: str) -> None:
    """Take a page off the list; nothing happens when it is not there."""
    _change(lambda tabs: [tab for tab in tabs if tab.url != url])


def _with(tabs: list[Tab], opened: Tab, subject: str) -> list[Tab]:
    same = [tab for tab in tabs if _together(_path(tab.url), _path(opened.url), subject)]
    if not same:
        return [*tabs, opened][-MOST:]
    return [opened if tab is same[0] else tab for tab in tabs if tab is same[0] or tab not in same]


def _together(one: str, other: str, subject: str) -> bool:
    """Whether two paths share a tab: the same one, or both about the subject."""
    return one == other or (bool(subject) and f"{one}/".startswith(f"{subject}/"))


def _path(url: str) -> str:
    return url.partition("?")[0]


def _change(change: Callable[[list[Tab]], list[Tab]]) -> None:
    tabs = listed()
    if change(tabs) != tabs:
        _store(change)


def _store(change: Callable[[list[Tab]], list[Tab]]) -> None:
    """Change the list as it stands by now: another page of the same reader may have changed it since this one began."""
    if not current_user.is_authenticated:
        return
    with short_write() as session:
        row = session.get(UserSession, current_user.session_id, with_for_update=True)
        if row is not None:
            g.crm_tabs = change([_read(kept) for kept in row.tabs or ()])
            row.tabs = [{"titles": dict(tab.titles), "url": tab.url} for tab in g.crm_tabs]
