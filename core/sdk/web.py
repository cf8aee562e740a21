"""Pages. Example::

    bp = blueprint("visits", __name__)

    @bp.get("/")
    @requires("visits.visit.view")
    def index():
        return render("visits/index.html", page=Page.of(select(Visit), Visit.id))

Every route names its action with ``requires``, or says why it needs none with ``signed_in`` or ``public``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

from flask import Blueprint, abort
from flask_login import current_user

from core.permissions import public, requires, signed_in
from core.web import Form, NoIdentifiers, is_fragment, link, panel_slot, render, toast, translator
from core.web.keyset import Page
from core.web.looks import records_looks
from core.web.search import searched

__all__ = [
    "Form",
    "NoIdentifiers",
    "Page",
    "abort_with",
    "blueprint",
    "current_user",
    "is_fragment",
    "link",
    "panel_slot",
    "public",
    "records_looks",
    "render",
    "requires",
    "searched",
    "signed_in",
    "toast",
    "translator",
]


def blueprint(plugin: str, import_name: str, part: str = "") -> Blueprint:
    """A blueprint under ``/<plugin>``, or ``/<plugin>/<part>`` for a further one.

    Files in the plugin's ``static/<plugin>/`` are served by the first, under ``/<plugin>/static/``.
    """
    name, prefix = (f"{plugin}_{part}", f"/{plugin}/{part}") if part else (plugin, f"/{plugin}")
    folder = _plugin_folder(import_name)
    static = folder / "static" / plugin if folder else None
    return Blueprint(
        name,
        import_name,
        url_prefix=prefix,
        static_folder=static if static and static.is_dir() and not part else None,
        static_url_path="/static",
        template_folder=folder / "templates" if folder else None,
    )


def _plugin_folder(import_name: str) -> Path | None:
    """Where the plugin's manifest stands; views may live in a sub-package, so look upwards."""
    module = sys.modules.get(import_name)
    parents = Path(module.__file__).resolve().parents if module is not None and module.__file__ else ()
    return next((folder for folder in parents if (folder / "plugin.toml").exists()), None)


def abort_with(status: int, message: str) -> NoReturn:
    """End the request with that status; ``message`` is shown to the user, already translated."""
    abort(status, description=message)
