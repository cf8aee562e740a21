"""Panels: boxes of a page that plugins fill, each fetched by itself, so that one that fails or hangs costs itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, abort, make_response, render_template, url_for
from markupsafe import Markup

from core import permissions, warehouse
from core.contract import Panel, PanelContent
from core.contract.protocols import PluginFailed, runtime
from core.i18n import label
from core.web import access, looks
from core.web.answer import is_fragment, render

COLUMNS = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Place:
    """A panel's box while its content is on the way."""

    id: str
    plugin: str
    title: str
    url: str
    html_id: str


def places(slot: str, key: str) -> dict[str, list[Place]]:
    """The panels of a slot that the user may see, by column, in order of weight."""
    found: dict[str, list[Place]] = {column: [] for column in COLUMNS}
    for plugin, panel in sorted(_of_slot(slot), key=lambda pair: (pair[1].weight, pair[1].id)):
        if permissions.can(panel.action):
            url = url_for("core.panel", panel_id=panel.id, key=key)
            found[panel.column].append(Place(panel.id, plugin, label(plugin, panel.title), url, html_id(panel.id)))
    return found


def panel_slot(slot: str, key: str) -> Markup:
    """Boxes for every panel of ``slot``, which fetch their content for ``key`` when they come into view."""
    return Markup(render_template("core/slot.html", columns=places(slot, key)))  # noqa: S704 - rendered by a template


def html_id(panel_id: str) -> str:
    """Id of the panel's element, usable in selectors."""
    return "p-" + panel_id.replace(".", "-").replace("_", "-")


def _of_slot(slot: str) -> list[tuple[str, Panel]]:
    return [(plugin, panel) for plugin, panel in runtime().registry.of("crm_panels") if panel.slot == slot]


def find(panel_id: str) -> tuple[str, Panel] | None:
    """The panel of that id with its plugin, when that plugin is on."""
    return next((pair for pair in runtime().registry.of("crm_panels") if pair[1].id == panel_id), None)


def subject_of(panel: Panel) -> str:
    """What the keys of the panel's slot are keys of; the slot itself when no panel of it says."""
    same = (other.subject for _, other in _of_slot(panel.slot) if other.subject)
    return panel.subject or next(same, panel.slot)


def show(panel_id: str, key: str) -> Response:
    """One panel's content for one subject, as a fragment; as a page of its own when opened without script.

    A panel that fails answers 200 with a box that says so: the page around it is whole.
    """
    found = find(panel_id)
    if found is None:
        abort(404)
    plugin, panel = found
    look = (subject_of(panel), key, panel.action, panel.id)
    try:
        access.enter(panel.action)
    except permissions.Denied:
        looks.refused(*look, looks.NO_PERMISSION)
        raise
    values: dict[str, Any] = {
        "panel": panel,
        "plugin": plugin,
        "title": label(plugin, panel.title),
        "url": url_for("core.panel", panel_id=panel_id, key=key),
        "html_id": html_id(panel_id),
    }
    if runtime().registry.of("crm_datasets"):
        warehouse.warm(wait=True)  # loading it takes a second, which is not for the plugin's clock
    try:
        answer = runtime().dispatch.call(plugin, f"panel {panel_id}", lambda: _fill(panel, key))
    except PluginFailed as failed:
        return render(
            _template("core/panel_failed.html"), inner="core/panel_failed.html", failure=failed.failure, **values
        )
    if answer is None:
        looks.empty(*look)
        return make_response("", 200)
    looks.seen(*look)
    content, html = answer
    return render(_template("core/panel.html"), inner="core/panel.html", content=content, html=html, **values)


def _template(fragment: str) -> str:
    return fragment if is_fragment() else "core/panel_page.html"


def _fill(panel: Panel, key: str) -> tuple[PanelContent, Markup] | None:
    content = panel.load(key)
    if content is None:
        return None
    return content, Markup(render_template(panel.template, **content.values))  # noqa: S704 - rendered by a template
