"""Answers: whole pages, fragments for htmx, notices, links that know when their target is off."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, current_app, flash, g, has_request_context, make_response, render_template, request, url_for
from werkzeug.routing import BuildError

KINDS = frozenset({"ok", "info", "warn", "danger"})


def is_fragment() -> bool:
    """True when htmx wants a piece of the page. A request that swaps the whole body, or picks its piece out of a
    whole page (``hx-select``), wants the page."""
    return is_htmx() and request.headers.get("HX-Request-Type", "partial") != "full"


def is_htmx() -> bool:
    """True when htmx asks, for whatever."""
    return request.headers.get("HX-Request") == "true"


def render(template: str, /, status: int = 200, **values: Any) -> Response:
    """The template as an answer. ``status=422`` for a form that comes back with its errors."""
    return make_response(render_template(template, **values), status)


def toast(text: str, kind: str = "ok") -> None:
    """Show a short notice with this answer, or after the redirect. ``text`` is already translated.

    Args:
        text: what to say.
        kind: ``ok``, ``info``, ``warn`` or ``danger``.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(sorted(KINDS))}, not {kind!r}")
    if is_htmx():
        g.crm_toast = {"text": text, "kind": kind}
    else:
        flash(text, kind)


def send_toast(response: Response) -> Response:
    """Put the notice of this request into the header that ``ui.js`` listens for. A redirect keeps it for later."""
    notice = g.pop("crm_toast", None) if has_request_context() else None
    if notice is None:
        return response
    if response.status_code in range(300, 400):
        flash(notice["text"], notice["kind"])
    else:
        # Headers are Latin-1; JSON escapes everything beyond ASCII.
        response.headers["HX-Trigger"] = json.dumps({"ui:toast": notice})
    return response


def link(endpoint: str, **values: Any) -> str:
    """Address of a page, or "" where it is switched off or not there, so that callers need no ``if enabled``."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return ""


def endpoint_exists(endpoint: str) -> bool:
    """True when a view of that name is registered, switched on or not."""
    return endpoint in current_app.view_functions
