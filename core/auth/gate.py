"""What stands before every view: who is asking, whether their session still lives, where they go when it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from flask import Flask, Request, Response, current_app, g, jsonify, make_response, redirect, request, url_for
from flask_login import current_user
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response as BaseResponse

from core.auth import drafts, places, sessions, settings
from core.auth.principal import Principal
from core.auth.sessions import Found
from core.auth.state import COOKIE, moment, short_read, short_write, state
from core.extensions import csrf, login
from core.monitoring import context

log = structlog.get_logger(__name__)

BACKGROUND = "X-Background"
"""A request with this header is the page's own doing and keeps no session alive."""

FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

V = TypeVar("V", bound=Callable[..., Any])


def mark(kind: str, reason: str) -> Callable[[V], V]:
    """Say who may use a view of the floors below ``core.permissions``, in the same words as its decorators."""

    def put(view: V) -> V:
        view.crm_access = (kind, reason)  # type: ignore[attr-defined]
        return view

    return put


def is_public(endpoint: str | None) -> bool:
    """Whether a view is for anybody. A view that says nothing is not."""
    if endpoint is None:
        return True  # there is no view: the answer is 404 for everybody
    access = getattr(current_app.view_functions.get(endpoint), "crm_access", None)
    kind = access[0] if isinstance(access, tuple) else getattr(access, "kind", None)
    return kind == "public" or endpoint == "static" or endpoint.endswith(".static")


# -- who is asking -----------------------------------------------------------------------------------------------------


def found() -> Found | None:
    """What the request's cookie stands for, alive or ended. Read once a request."""
    if "crm_found" not in g:
        token = request.cookies.get(COOKIE, "")
        g.crm_found = _look_up(token) if 20 <= len(token) <= 100 else None
    hit: Found | None = g.crm_found
    return hit


def _look_up(token: str) -> Found | None:
    with short_read() as session:
        return sessions.find(session, token, at=moment(), idle=settings.idle(), absolute=settings.absolute())


def load(_request: Request) -> Principal | None:
    """The signed-in user of the request, for Flask-Login."""
    hit = found()
    return hit.principal if hit else None


def check() -> BaseResponse | None:
    """Before each request: let public views pass, others only with a live session, which counts as activity."""
    if is_public(request.endpoint):
        return None
    if not current_user.is_authenticated:
        return unauthorized()
    context.identify(current_user.id)
    if counts_as_activity():
        keep_alive()
    if current_user.must_change_password and not (request.endpoint or "").startswith("auth."):
        return _send_to(url_for("auth.change_password"))
    return None


def counts_as_activity() -> bool:
    """Whether a person caused this request."""
    quiet = request.headers.get(BACKGROUND) or getattr(_view(), "crm_background", False)
    return not quiet


def _view() -> Any:
    return current_app.view_functions.get(request.endpoint or "")


def background(view: V) -> V:
    """A view that pages call by themselves: it keeps no session alive."""
    view.crm_background = True  # type: ignore[attr-defined]
    return view


def keep_alive() -> None:
    """Note activity, at most once a minute. A page is not lost because the note could not be made."""
    hit = found()
    if hit is None or not hit.touch_due:
        return
    try:
        with short_write() as session:
            sessions.touch(session, hit.session_id, moment())
    except OperationalError:
        log.warning("session_touch_failed", session_id=hit.session_id)


# -- nobody is ---------------------------------------------------------------------------------------------------------


def unauthorized() -> BaseResponse:
    """Lead to the sign-in page, keeping what was typed; for htmx as a header, for programs as a plain 401."""
    hit = found()
    if hit is not None:
        _note_end(hit)
        _keep_form(hit)
    page = places.page()
    target = url_for("auth.sign_in")
    if page != "/" and places.can_get(page):
        target += f"?next={quote(page, safe='/')}"
    if _wants_json():
        response: BaseResponse = make_response(jsonify(error="signed_out", sign_in=target), 401)
        response.headers["Cache-Control"] = "no-store"
        return response
    return _send_to(target)


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html")
    return best == "application/json" and request.headers.get("HX-Request") != "true"


def _send_to(target: str) -> BaseResponse:
    if request.headers.get("HX-Request") == "true":
        response = Response(status=401)
        response.headers["HX-Redirect"] = target
        return response
    return redirect(target, 302 if request.method in {"GET", "HEAD"} else 303)


def _note_end(hit: Found) -> None:
    if hit.why is None or hit.ended_at is not None:
        return
    with short_write() as session:
        sessions.close(session, hit.session_id, hit.why, moment())  # type: ignore[arg-type]


def _keep_form(hit: Found) -> None:
    """Keep a form that was sent on a session that had just ended, bound to that session's user."""
    recent = hit.ended_at is None or moment() - hit.ended_at < settings.draft_life()
    if recent and hit.why not in {None, "signed_out", "disabled"}:
        keep_typed(hit.user_id)


def keep_typed(user_id: int) -> bool:
    """Keep the form this request sends for that user, as a draft of the page it stands on. False when there is none.

    Raises:
        CSRFError: another site may have sent it.
    """
    if request.method != "POST" or request.mimetype not in FORMS:
        return False
    if not g.get("csrf_valid") and current_app.config.get("WTF_CSRF_ENABLED", True):
        csrf.protect()  # another site must not be able to fill in somebody's form
    return drafts.keep(user_id, places.page(), {name: request.form.getlist(name) for name in request.form})


def tidy(response: Response) -> Response:
    """After a form was accepted, forget the draft of its page."""
    accepted = request.method == "POST" and response.status_code < 400
    ours = is_public(request.endpoint) or (request.endpoint or "").startswith("auth.")
    if accepted and not ours and current_user.is_authenticated:
        drafts.discard(places.page())
    return response


# -- cookie ------------------------------------------------------------------------------------------------------------


def set_cookie(response: BaseResponse, token: str) -> None:
    """Hand the browser its token; it dies with the browser, the session with its row."""
    response.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=state().secure_cookie, path="/")


def clear_cookie(response: BaseResponse) -> None:
    """Take the token back."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=state().secure_cookie, path="/")


def remaining() -> timedelta:
    """How long the session of this request lives without further activity."""
    who: Principal = current_user
    idle = settings.idle() - (moment() - who.seen_at)
    absolute = settings.absolute() - (moment() - who.created_at)
    return max(min(idle, absolute), timedelta(0))


def init_app(app: Flask) -> None:
    """Put the gate before every view of ``app``."""
    login.init_app(app)
    login.request_loader(load)
    login.unauthorized_handler(unauthorized)
    app.before_request(check)
    app.after_request(tidy)
