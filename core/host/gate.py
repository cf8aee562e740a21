"""The gate in front of routing: a request sees the routes of the plugins that are on, and no others exist for it.

A disabled plugin's pages and static files answer 404 (a redirect or a 405 would tell that there is something), and
links to them cannot be built. The worker counts which epoch its requests still serve.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

from flask import Flask, Request
from flask import Response as FlaskResponse
from werkzeug.routing import Map, MapAdapter, Rule
from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

from core.host import farewell
from core.host.snapshot import ENVIRON, Snapshot
from core.host.watch import TICKET

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from core.host import Host


class InFlight:
    """Requests that are running, with the epoch each of them serves."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epochs: dict[int, int] = {}
        self._tickets = count(1)

    def enter(self, epoch: int) -> int:
        """A request begins and may serve ``epoch`` or a later one. Returns its ticket."""
        with self._lock:
            ticket = next(self._tickets)
            self._epochs[ticket] = epoch
            return ticket

    def move(self, ticket: int, epoch: int) -> None:
        """The request now knows which epoch it serves."""
        with self._lock:
            if ticket in self._epochs:
                self._epochs[ticket] = epoch

    def leave(self, ticket: int) -> None:
        """The request has ended; its last byte has been given out."""
        with self._lock:
            self._epochs.pop(ticket, None)

    def oldest(self, otherwise: int) -> int:
        """The oldest epoch still served; ``otherwise`` when nothing older runs."""
        with self._lock:
            return min([otherwise, *self._epochs.values()])

    def __len__(self) -> int:
        return len(self._epochs)


class GatedFlask(Flask):
    """A Flask whose routes are those of the core and of the enabled plugins. Without a host it is a plain Flask."""

    _maps: dict[tuple[frozenset[str], int], Map]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._maps = {}
        self._maps_lock = threading.Lock()

    @property
    def host(self) -> Host | None:
        """The plugin host, once it has started."""
        found: Host | None = self.extensions.get("crm.host")
        return found

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Routes and links by the snapshot of the request."""
        host = self.host
        if host is None:
            return super().create_url_adapter(request)
        if request is None:
            if self.config["SERVER_NAME"] is None:
                return None
            snapshot = host.snapshots.latest  # an app context is cheap and may be pushed while one is being built
        else:
            snapshot = request.environ.get(ENVIRON) or host.snapshots.read()
            request.environ[ENVIRON] = snapshot
        return self._adapter(request, self.gated_map(host, snapshot))

    def _adapter(self, request: Request | None, rules: Map) -> MapAdapter | None:
        """What Flask does, with another map. Swapping ``url_map`` for the call would race with other threads."""
        view = _Routes(self, rules)
        return Flask.create_url_adapter(view, request)  # type: ignore[arg-type]

    def gated_map(self, host: Host, snapshot: Snapshot) -> Map:
        """The map of the core's and the enabled plugins' rules, made once for each enabled set."""
        key = (snapshot.enabled, len(self.url_map._rules_by_endpoint))
        found = self._maps.get(key)
        if found is None:
            with self._maps_lock:
                found = self._maps.get(key) or self._filtered(snapshot.enabled, host.blueprint_owners)
                self._maps = {**dict(list(self._maps.items())[-31:]), key: found}
        return found

    def _filtered(self, enabled: frozenset[str], owners: dict[str, str]) -> Map:
        rules = list(self.url_map.iter_rules())
        kept = [r for r in rules if _owner(r, owners) in {*enabled, None}]
        return self.url_map if len(kept) == len(rules) else _copy(self.url_map, kept)

    def full_dispatch_request(self) -> FlaskResponse:
        """Flask's; a page that ends its process (``sys.exit``) fails like any other, and the worker goes on."""
        try:
            return super().full_dispatch_request()
        except (SystemExit, KeyboardInterrupt) as error:
            raise RuntimeError(f"the page raised {type(error).__name__}: {error}") from error

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request with one snapshot; while this worker must not serve, ask the client to come again."""
        host = self.host
        if host is None:
            return super().wsgi_app(environ, start_response)
        if host.watch.closed_because:
            return _come_again(host.watch.closed_because)(environ, start_response)
        # Entered with the epoch known so far, before the row is read: never does a request count for a later epoch
        # than it serves.
        ticket = host.in_flight.enter(host.snapshots.latest.epoch)
        try:
            snapshot = host.snapshots.read()
            host.in_flight.move(ticket, snapshot.epoch)
            environ |= {ENVIRON: snapshot, TICKET: ticket}
            body = super().wsgi_app(environ, farewell.once(environ, start_response))
        except BaseException:
            host.in_flight.leave(ticket)
            raise
        answer = ClosingIterator(body, [lambda: host.in_flight.leave(ticket), host.after_request])
        # A client that drops the answer without closing it (test clients do) must not count as served for ever.
        weakref.finalize(answer, host.in_flight.leave, ticket).atexit = False
        return answer


class _Routes:
    """An app with another ``url_map``, for the one Flask method that reads it."""

    def __init__(self, app: Flask, rules: Map) -> None:
        self.config = app.config
        self.url_map = rules
        self.subdomain_matching = app.subdomain_matching


def _owner(rule: Rule, owners: dict[str, str]) -> str | None:
    """The plugin behind a rule, None for the core."""
    blueprint, dot, _ = str(rule.endpoint).partition(".")
    return owners.get(blueprint) if dot else None


def _copy(source: Map, rules: list[Rule]) -> Map:
    made = type(source)(
        default_subdomain=source.default_subdomain,
        strict_slashes=source.strict_slashes,
        merge_slashes=source.merge_slashes,
        redirect_defaults=source.redirect_defaults,
        sort_parameters=source.sort_parameters,
        sort_key=source.sort_key,
        host_matching=source.host_matching,
    )
    made.converters = source.converters
    for rule in rules:
        twin = rule.empty()
        # ``empty`` leaves these behind; the last is Flask's own mark.
        twin.websocket, twin.merge_slashes = rule.websocket, rule.merge_slashes
        twin.provide_automatic_options = getattr(rule, "provide_automatic_options", None)  # type: ignore[attr-defined]
        made.add(twin)
    made.update()
    return made


def _come_again(reason: str) -> Response:
    return Response(f"{reason}\n", 503, {"Retry-After": "2", "Connection": "close"}, mimetype="text/plain")
