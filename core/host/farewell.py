"""Answers for requests whose hook does not come back, given before their worker ends.

A thread cannot be stopped, but what it was asked can be asked again in another one: the hook is given up by then, so
the page comes back at once, with that one box named as failed.
"""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING, Any

from flask import Flask

from core.db.sqlite import SAFE_METHODS

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

SOCKET = "gunicorn.socket"
_WRITER = "crm.answered_by"
_REQUEST, _WATCH = "request", "watch"

UNKNOWN = (
    "This took too long and was given up. Whether it was done is not known: look before you repeat it.\n"
    "处理超时，已中止。无法确定操作是否完成：请先核实，再决定是否重做。\n"
)


def once(environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
    """``start_response`` for the request's own thread: it comes too late when the watch has answered already."""

    def begin(*given: Any) -> Any:
        if not _claim(environ, _REQUEST):
            threading.Event().wait()  # the process ends in a moment; two answers must not mix on one connection
        return start_response(*given)

    return begin


def is_answered(environ: WSGIEnvironment | None) -> bool:
    """Whether :func:`answer` has taken this request over."""
    return environ is not None and environ.get(_WRITER) == _WATCH


def answer(app: Flask, environ: WSGIEnvironment) -> bool:
    """Answer on the request's connection, from another thread than its own; False when it has done so by itself.

    What only reads is asked again. What may have written is not: it gets a 503 that says so.
    """
    connection: socket.socket | None = environ.get(SOCKET)
    if connection is None:  # another server than ours
        return False
    data = _asked_again(app, environ)
    if not _claim(environ, _WATCH):
        return False
    try:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
    except OSError as error:
        log.warning("a request that was given up could not be answered: %s", error)
    return True


def _claim(environ: WSGIEnvironment, who: str) -> bool:
    """Of the two threads that may write, the first; ``setdefault`` is atomic."""
    return bool(environ.setdefault(_WRITER, who) == who)


def _asked_again(app: Flask, environ: WSGIEnvironment) -> bytes:
    from werkzeug.test import run_wsgi_app  # here, because no worker needs it that is well

    if environ["REQUEST_METHOD"] not in SAFE_METHODS:
        return _http("503 SERVICE UNAVAILABLE", [("Content-Type", "text/plain; charset=utf-8")], UNKNOWN.encode())
    # Only what the server gave: what the first attempt has kept in it belongs to the thread that hangs.
    fresh = {key: value for key, value in environ.items() if key.isupper() or key.startswith("wsgi.")}
    body, status, headers = run_wsgi_app(app.wsgi_app, fresh, buffered=True)
    return _http(status, list(headers), b"".join(body))


def _http(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    kept = [(name, value) for name, value in headers if name.lower() not in {"content-length", "connection"}]
    lines = [f"{name}: {value}" for name, value in (*kept, ("Content-Length", str(len(body))), ("Connection", "close"))]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body
