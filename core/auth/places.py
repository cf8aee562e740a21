"""Addresses a browser hands us, and how far to trust them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from core.auth import references

LONGEST = 500


def local(target: str | None, otherwise: str = "/") -> str:
    """``target`` when it is a path on this site, else ``otherwise``: a redirect must not lead people elsewhere."""
    if not target or len(target) > LONGEST or not target.startswith("/") or target.startswith(("//", "/\\")):
        return otherwise
    if "\\" in target or not target.isprintable():
        return otherwise
    parts = urlsplit(target)
    return otherwise if parts.scheme or parts.netloc else target


def page() -> str:
    """The page in the browser's window, as a local path: where a form stands, not where it is sent.

    Without what was searched for when that names somebody: it becomes ``next=`` of the sign-in page, and the key of a
    draft that outlives its session.
    """
    return references.without(_page())


def _page() -> str:
    if request.method in {"GET", "HEAD"} and request.headers.get("HX-Request") != "true":
        return local(request.full_path.rstrip("?"))
    shown = request.headers.get("HX-Current-URL") or request.referrer or ""
    origin = request.host_url.rstrip("/")
    address = shown.removeprefix(origin) if shown.startswith(origin + "/") else ""
    path, mark, query = address.partition("#")[0].partition("?")
    # Browsers send the path quoted, and `request.full_path` has it unquoted: the two must be one key.
    return local(unquote(path) + mark + query, "/" if request.method == "GET" else local(request.path))


def can_get(target: str) -> bool:
    """Whether the path can be opened, and is not only something to send forms to."""
    try:
        current_app.create_url_adapter(request).match(target.partition("?")[0], method="GET")  # type: ignore[union-attr]
    except HTTPException:
        return False
    return True
