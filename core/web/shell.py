"""What stands around every page: menu, open-page tabs, who one is, how one likes the page to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, current_app, g, has_request_context, request, url_for
from flask_login import current_user

from core import i18n
from core.contract import MenuItem
from core.contract.protocols import runtime
from core.web import access, panels, search, theme
from core.web.answer import endpoint_exists, link

_ = i18n.translator(i18n.CORE)

DENSITIES = ("", "compact", "loose")
SIZES = ("", "large")
SIDES = ("", "collapsed")


@dataclass(frozen=True, slots=True)
class Display:
    """How this browser wants pages: row height, text size, width of the menu."""

    density: str
    size: str
    side: str


@dataclass(slots=True)
class Entry:
    """A line of the menu as it is shown."""

    id: str
    label: str
    href: str
    icon: str
    current: bool = False
    children: list[Entry] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """True for the module one is in."""
        return self.current or any(child.current for child in self.children)


@dataclass(frozen=True, slots=True)
class OpenTab:
    """A page somebody has open."""

    title: str
    url: str
    current: bool


def display() -> Display:
    """The display choices of this request, from its cookies; anything unknown counts as the default."""

    def one_of(name: str, known: tuple[str, ...]) -> str:
        value = request.cookies.get(f"crm_{name}", "") if has_request_context() else ""
        return value if value in known else ""

    if "crm_display" not in g:
        g.crm_display = Display(one_of("density", DENSITIES), one_of("size", SIZES), one_of("side", SIDES))
    chosen: Display = g.crm_display
    return chosen


# -- menu --------------------------------------------------------------------------------------------------------------


def menu() -> list[Entry]:
    """The modules one may open, each with its lines. A module nobody declared takes its plugin's name."""
    allowed = list(_allowed(runtime().registry.of("crm_menus")))
    modules: dict[str, Entry] = {}
    for plugin, item, href in allowed:
        if item.parent is None:
            modules[item.id] = Entry(item.id, i18n.label(plugin, item.label), href, item.icon)
    for plugin, item, href in allowed:
        if item.parent is not None:
            above = modules.setdefault(item.parent, _module(item.parent, plugin, href, item.icon))
            above.children.append(Entry(item.id, i18n.label(plugin, item.label), href, item.icon))
    entries = list(modules.values())
    _mark_current(entries)
    return entries


def _allowed(items: tuple[tuple[str, Any], ...]) -> Iterator[tuple[str, MenuItem, str]]:
    # The registry orders by plugin first; the menu is one list, so weight decides across plugins.
    for plugin, item in sorted(items, key=lambda pair: pair[1].weight):
        href = link(item.endpoint)
        if href and endpoint_exists(item.endpoint) and access.may_open(item.endpoint):
            yield plugin, item, href


def _module(name: str, plugin: str, href: str, icon: str) -> Entry:
    title = plugin_title(plugin) if name == plugin else name.rpartition(".")[2].replace("_", " ").capitalize()
    return Entry(name, i18n.label(plugin, title), href, icon)


def plugin_title(name: str) -> str:
    """Title of a plugin from its manifest, as an English message id; its name when the host does not know it."""
    host = current_app.extensions.get("crm.host")
    candidate = host.candidates.get(name) if host is not None else None
    manifest = candidate.manifest if candidate is not None else None
    return str(manifest.title) if manifest is not None else name.replace("_", " ").capitalize()


def _mark_current(entries: list[Entry]) -> None:
    """Mark the line whose address is the longest beginning of this page's."""
    lines = [line for entry in entries for line in (entry.children or [entry])]
    path = request.path
    fitting = [line for line in lines if path == line.href or path.startswith(line.href.rstrip("/") + "/")]
    if fitting:
        max(fitting, key=lambda line: len(line.href)).current = True
        return
    # A page beside the menu's own addresses still belongs to its plugin's module.
    first = path.strip("/").partition("/")[0]
    for entry in entries:
        if first and first in {entry.id, entry.href.strip("/").partition("/")[0]}:
            entry.current = not entry.children
            return


# -- the shell as templates see it -------------------------------------------------------------------------------------


class Shell:
    """One request's shell. Each part is worked out when a template asks for it."""

    @property
    def menu(self) -> list[Entry]:
        """Menu of the signed-in user; empty for anybody else, and when the plugins cannot be asked."""
        return menu() if signed_in() else []

    @property
    def query(self) -> str:
        """What stands in the search box."""
        return search.searched() if request.endpoint == "core.search" else ""

    @property
    def user(self) -> str:
        """Name of the signed-in user, or the user name of somebody without one; "" for nobody."""
        if not signed_in():
            return ""
        name = getattr(getattr(current_user, "employee", None), "name", "") or getattr(current_user, "username", "")
        return str(name)

    @property
    def place(self) -> str:
        """Organisation the user works at, or ""."""
        organisation = getattr(getattr(current_user, "employee", None), "organisation", None) if signed_in() else None
        return str(getattr(organisation, "name", "") or "")

    @property
    def training(self) -> bool:
        """True in training mode, which every page must say."""
        return bool(getattr(current_app.config.get("CRM"), "training", False))

    @property
    def account(self) -> list[dict[str, Any]]:
        """Lines of the account menu, as far as the pages exist."""
        lines = [
            {"label": _("Change password"), "icon": "password", "href": link("auth.change_password"), "post": False},
            {"label": _("My permissions"), "icon": "shield-check", "href": link("permissions.mine"), "post": False},
            {"label": _("Recovery page"), "icon": "plug", "href": _if_allowed("core.recovery"), "post": False},
            {"label": _("Style guide"), "icon": "layout-grid", "href": _style_guide(), "post": False},
            {"label": _("Sign out"), "icon": "logout", "href": link("auth.sign_out"), "post": True},
        ]
        return [line for line in lines if line["href"]]

    def language_url(self, code: str) -> str:
        """Address that switches the language and comes back to this page."""
        return language_url(code)

    def tabs(self, title: Callable[[], str]) -> list[OpenTab]:
        """The open pages; this one is added under what its block ``title`` says, when one can come back to it."""
        from core.web import opened

        return opened.show(title) if signed_in() else []


def _if_allowed(endpoint: str) -> str:
    return link(endpoint) if access.may_open(endpoint) else ""


def _style_guide() -> str:
    config = current_app.config.get("CRM")
    return _if_allowed("core.style_guide") if getattr(config, "training", False) else ""


def shell() -> Shell:
    """The shell of this request."""
    if "crm_shell" not in g:
        g.crm_shell = Shell()
    found: Shell = g.crm_shell
    return found


def signed_in() -> bool:
    """True when this request has a signed-in user."""
    return bool(has_request_context() and getattr(current_user, "is_authenticated", False))


def operator() -> str:
    """Name and number of who is signed in, for the account menu, printed pages and watermarks."""
    if not signed_in():
        return "—"
    employee = getattr(current_user, "employee", None)
    name = getattr(employee, "name", "") or ""
    return " ".join(part for part in (str(name), str(getattr(current_user, "username", ""))) if part)


def language_url(code: str) -> str:
    """Address that switches to this language and comes back to this page."""
    return url_for("core.language", code=code, next=request.full_path.rstrip("?") if request.method == "GET" else "/")


def printed_at() -> str:
    """This moment in the bank's time zone, for printed pages; the browser renews it when it prints."""
    config = current_app.config.get("CRM")
    zone = ZoneInfo(getattr(config, "timezone", "Asia/Shanghai"))
    return datetime.now(zone).strftime("%Y-%m-%d %H:%M")


def init_app(app: Flask) -> None:
    """Give templates the shell and what belongs to it."""
    app.jinja_env.globals.update(
        shell=shell,
        display=display,
        link=link,
        language_url=language_url,
        operator=operator,
        printed_at=printed_at,
        asset=lambda name: theme.assets().url(name),
        icon_url=lambda name: theme.assets().icon(name),
        theme_sheets=lambda: theme.assets().sheets(),
        panel_slot=panels.panel_slot,
        can_open=access.may_open,
        plugin_title=lambda name: i18n.label(name, plugin_title(name)),
    )
