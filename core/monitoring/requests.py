"""Each request gets a number, which logs, audit entries and error pages show, and one line in the log."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from core.monitoring import context
from core.monitoring.context import Actor

log = structlog.get_logger("crm.request")

HEADER = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def new_id() -> str:
    """A fresh request number."""
    return uuid.uuid4().hex


def begin() -> None:
    """Take the number a proxy gave when it looks like one, else make one; forget the request before."""
    given = request.headers.get(HEADER, "")
    request_id = given if _SANE.fullmatch(given) else new_id()
    context.begin(Actor(request_id=request_id, address=request.remote_addr))
    g.crm_began = time.perf_counter()


def finish(response: Response) -> Response:
    """Log route, status and time. The route, not the address: addresses carry names people searched for."""
    request_id = context.actor().request_id
    if request_id:
        response.headers[HEADER] = request_id
    taken = round((time.perf_counter() - g.get("crm_began", time.perf_counter())) * 1000, 1)
    route = request.url_rule.rule if request.url_rule else None
    quiet = request.endpoint in {"health.healthz", "core.asset"}
    emit = log.debug if quiet else log.info
    emit("request", method=request.method, route=route, status=response.status_code, ms=taken)
    return response


def forget(_error: BaseException | None) -> None:
    """Nothing of this request may reach the next one in the same thread."""
    context.begin(Actor())


def init_app(app: Flask) -> None:
    """Number the requests of ``app``."""
    app.before_request(begin)
    app.after_request(finish)
    app.teardown_request(forget)
