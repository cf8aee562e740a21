"""Services know no web: they take a session and return values, so jobs and commands can call them."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM013"
_WEB = ("flask", "flask_login", "flask_wtf", "flask_babel", "werkzeug", "wtforms", "core.sdk.web")


def check(plugin: Plugin) -> Iterator[Finding]:
    """Nothing in ``services/`` or ``models/`` imports Flask or ``core.sdk.web``."""
    for module in plugin.modules:
        layer = module.path.relative_to(plugin.folder).with_suffix("").parts[0]
        if layer not in {"services", "models"}:
            continue
        for local, name in module.imported.items():
            if name.startswith(tuple(f"{web}." for web in _WEB)) or name in _WEB:
                cure = "take what it needs as an argument"
                yield Finding(CODE, f"{layer} import {name} ({local}); {cure}", module.at())
