"""Each request gets a number, which logs, audit entries and error pages show, and one line in the log."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable

import structlog
from flask import Flask, Response, current_app, g, request

from core.monitoring import context
from core.monitoring.context import Actor

log = structlog.get_logger("crm.request")

HEADER = "X-Request-ID"
_SANE = re.compile(r"[0-9A-Za-z-]{8,64}")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::[0-9]{1,5})?")


def new_id() -> str:
    """A fresh request number."""
    return uuid.uuid4().hex


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without port and brackets, in lower case; "" when it is not ``name[:port]``.

    Libraries disagree about anything else, such as ``ours:80@theirs``, and the laxest of them builds the links.
    """
    if not _HOST.fullmatch(header):
        return ""
    name = header.partition("]")[0].lstrip("[") if header.startswith("[") else header.partition(":")[0]
    return name.lower()


def is_served(host: str, served: Iterable[str]) -> bool:
    """Whether ``host`` is among the names served; ``.bank.example`` stands for every name below it.

    Flask's own ``TRUSTED_HOSTS`` cuts names at the first colon, so no IPv6 address could be one.
    """
    return any(host == name or (name.startswith(".") and host.endswith(name)) for name in served)


def refuse_other_hosts() -> Response | None:
    """Another name in ``Host`` would end up in the links we write, and lets foreign pages pass for ours."""
    given = request.environ.get("HTTP_HOST", "")
    host = host_of(given)
    if is_served(host, current_app.config["CRM"].served_hosts):
        return None
    log.warning("host_refused", host=given[:100])
    text = "400 Bad Request: this server does not serve that host name (CRM_HOSTS).\n"
    return Response(text, 400, mimetype="text/plain")


def begin() -> None:
    """Take the number a proxy gave when it looks like one, else make one; forget the request before.

    Without a proxy of ours the header comes from the browser, which could make entries of two people look like one.
    """
    given = request.headers.get(HEADER, "") if current_app.config["CRM"].trusted_proxies else ""
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
    app.before_request(refuse_other_hosts)
    app.after_request(finish)
    app.teardown_request(forget)
