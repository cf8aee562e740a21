"""The shell and what pages are made with: answers, forms, lists, panels, themes."""

from __future__ import annotations

from flask import Flask

from core import permissions
from core.contract import Action
from core.i18n import translator
from core.web.answer import is_fragment, link, render, toast
from core.web.forms import Form, NoIdentifiers
from core.web.keyset import Page
from core.web.panels import panel_slot

ACTIONS = (
    Action(
        "core.recovery",
        "Use the recovery page",
        "Sees why modules fail, and switches them off",
        business_data=False,
        kind="system",
    ),
    Action("core.styleguide", "Open the style guide", "For those who write modules", business_data=False),
)

__all__ = [
    "Form",
    "NoIdentifiers",
    "Page",
    "init_app",
    "is_fragment",
    "link",
    "panel_slot",
    "render",
    "toast",
    "translator",
]


def init_app(app: Flask) -> None:
    """Languages, theme, templates, headers, error pages, and the core's own pages.

    Raises:
        core.config.ConfigError: ``CRM_THEME`` names no theme.
    """
    from core import i18n
    from core.web import errors, headers, incoming, kit, shell, theme
    from core.web.views import blueprint

    permissions.declare(*ACTIONS)
    config = app.config.get("CRM")
    chosen = theme.read(config.theme if config else theme.BASE)
    i18n.init_app(app)
    app.jinja_env.loader = theme.make_loader(app, chosen)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["crm.assets"] = theme.Assets(chosen)
    kit.init_app(app)
    shell.init_app(app)
    headers.init_app(app)
    incoming.init_app(app)
    errors.init_app(app)
    app.register_blueprint(blueprint)
