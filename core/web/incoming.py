"""What addresses may bring in: no characters that cannot be stored, and no identifier in the open."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Flask, abort, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from core.auth import references
from core.db import text
from core.i18n import CORE, translator

_ = translator(CORE)


def refuse_unstorable() -> None:
    """A path or parameter with control characters was made by hand. What is searched for is people's own: it is
    cleaned where it is read."""
    if text.flaw(request.path):
        abort(404)
    for name, values in request.args.lists():
        if name != references.FIELD and any(text.flaw(part, lines=True) for part in (name, *values)):
            abort(400, description=_("The address holds control characters."))


def hide_identifiers() -> BaseResponse | None:
    """Lead an address that carries an identifier, because somebody typed it, to the one with a reference for it."""
    if request.method not in {"GET", "HEAD"} or not request.args:
        return None
    told = [(name, _harmless(name, value)) for name, value in request.args.items(multi=True)]
    if told == list(request.args.items(multi=True)):
        return None
    return redirect(request.path + "?" + urlencode([(n, v) for n, v in told if v]), 303)


def _harmless(name: str, value: str) -> str:
    if name == references.FIELD and references.tells(value):
        return references.refer(text.cleaned(value, instead=" "))
    if name == "next" and references.exposed(value):
        return references.without(value)
    return value


def init_app(app: Flask) -> None:
    """Look at each address before its view does, and after sign-in has said who asks."""
    app.before_request(refuse_unstorable)
    app.before_request(hide_identifiers)
