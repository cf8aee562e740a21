"""Pages and small answers of sign-in."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import gettext as _
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from core import parameters
from core.auth import drafts, gate, places, references, sessions, settings, signin, users
from core.auth.forms import PasswordForm, SignInForm, explain
from core.auth.gate import background, mark
from core.auth.models import User
from core.auth.sessions import Started
from core.auth.state import moment, short_read, short_write, state
from core.monitoring import audit

blueprint = Blueprint("auth", __name__)


@blueprint.route("/sign-in", methods=["GET", "POST"])
@mark("public", "nobody is signed in before signing in")
def sign_in() -> BaseResponse:
    """The sign-in page."""
    target = references.without(places.local(request.args.get("next")))
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(target)
    form = SignInForm()
    if form.validate_on_submit():
        outcome = signin.sign_in(form.username.data, form.password.data, address=_address(), agent=_agent())
        if isinstance(outcome, signin.Accepted):
            return _enter(outcome, target)
        return _refuse(form, outcome)
    return _page(form, status=422 if form.errors else 200, notice=_why_here())


def _enter(outcome: signin.Accepted, target: str) -> BaseResponse:
    before = gate.found()
    same = before is not None and before.user_id == outcome.user_id
    if before is not None and before.principal is not None and not same:
        _leave(before.session_id, before.user_id)
    _renew(keep_token=same)
    if outcome.started.earlier is not None:
        earlier = outcome.started.earlier
        text = _(
            "This sign-in ended an earlier session from %(address)s, last active at %(time)s.",
            address=earlier.address or "—",
            time=_shown(earlier.seen_at),
        )
        flash(text, "warn")
    response = redirect(target, 303)
    gate.set_cookie(response, outcome.started.token)
    return response


def _leave(session_id: int, user_id: int) -> None:
    """End a session whose browser has no way back to it."""
    with short_write() as writing:
        sessions.close(writing, session_id, "signed_out", moment())
        audit.record(writing, "auth.signed_out", subject="core.user", key=user_id, user_id=user_id)


def _renew(keep_token: bool) -> None:
    """Leave nothing of the browser's earlier cookie session. The CSRF token stays for the same user coming back, so
    that a form still open in another window can be sent."""
    token = session.get("csrf_token") if keep_token else None
    session.clear()
    if token:
        session["csrf_token"] = token


def _refuse(form: SignInForm, outcome: signin.Refused) -> Response:
    if not outcome.minutes:
        return _page(form, status=422, problem=_("User name or password is wrong."))
    text = _(
        "Too many failed attempts. Try again in %(minutes)d minutes, or ask the system administrator.",
        minutes=outcome.minutes,
    )
    response = _page(form, status=429, problem=text)
    response.headers["Retry-After"] = str(outcome.minutes * 60)
    return response


def _page(form: SignInForm, *, status: int, problem: str = "", notice: str = "") -> Response:
    config = current_app.config["CRM"]
    html = render_template("auth/sign_in.html", form=form, problem=problem, notice=notice, training=config.training)
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _why_here() -> str:
    """Why the browser's last session is over; told only to who holds its token."""
    hit = gate.found()
    if hit is None or hit.why is None:
        return ""
    if hit.why == "taken_over":
        with short_read() as reading:
            newer = sessions.newest(reading, hit.user_id)
        text: str = _(
            "Your session was ended because you signed in from %(address)s at %(time)s. If that was not you, tell the "
            "security administrator at once.",
            address=newer.address if newer and newer.address else "—",
            time=_shown(newer.seen_at) if newer else "—",
        )
        return text
    words: dict[str, str] = {
        "idle": _(
            "You were signed out after %(minutes)d minutes without activity.",
            minutes=parameters.get("auth.idle_minutes"),
        ),
        "absolute": _(
            "You were signed out: a session lasts at most %(hours)d hours.", hours=parameters.get("auth.absolute_hours")
        ),
        "disabled": _("Your account has been disabled. Ask the system administrator."),
        "password": _("Your password was changed. Sign in with the new one."),
    }
    return words.get(hit.why, "")


@blueprint.post("/sign-out")
@mark("signed_in", "everybody may leave")
def sign_out() -> BaseResponse:
    """End the session and lead to the sign-in page."""
    _leave(current_user.session_id, current_user.id)
    session.clear()
    flash(_("You have signed out."), "ok")
    response = redirect(url_for("auth.sign_in"), 303)
    gate.clear_cookie(response)
    return response


# -- password ----------------------------------------------------------------------------------------------------------


@blueprint.route("/password", methods=["GET", "POST"])
@mark("signed_in", "one's own password")
def change_password() -> BaseResponse:
    """Change one's own password."""
    form = PasswordForm()
    problem, status = "", 200
    if form.validate_on_submit():
        verdict = signin.check_current(current_user.id, current_user.username, form.current.data, _address())
        if verdict is True:
            started = _set_password(form)
            if started is not None:
                return _password_set(started)
        elif verdict is False:
            form.current.errors = [_("The current password is wrong.")]
        else:
            problem = _("Too many failed attempts. Try again in %(minutes)d minutes.", minutes=verdict)
    if form.errors or problem:
        status = 429 if problem else 422
    html = render_template(
        "auth/password.html",
        form=form,
        problem=problem,
        must=current_user.must_change_password,
        min_length=parameters.get("auth.password_min_length"),
        classes=parameters.get("auth.password_classes"),
    )
    return make_response(html, status)


def _set_password(form: PasswordForm) -> Started | None:
    """Store the new password and begin a new session with it; None when the policy refuses it."""
    at = moment()
    if form.new.data == form.current.data:
        form.new.errors = [_("The new password must differ from the current one.")]
        return None
    try:
        users.check_policy(current_user.username, form.new.data)
    except users.WeakPassword as error:
        form.new.errors = [explain(weakness) for weakness in error.weaknesses]
        return None
    with short_write() as writing:
        user = writing.get_one(User, current_user.id)
        by = current_user.username
        users.set_password(writing, user, form.new.data, hasher=state().hasher, at=at, must_change=False, by=by)
        return sessions.start(
            writing, user.id, at=at, idle=settings.idle(), address=_address(), agent=_agent(), method="password"
        )


def _password_set(started: Started) -> BaseResponse:
    _renew(keep_token=True)
    flash(_("Your password has been changed."), "ok")
    response = redirect("/", 303)
    gate.set_cookie(response, started.token)
    return response


# -- what pages ask by themselves --------------------------------------------------------------------------------------


@blueprint.route("/session/alive", methods=["GET", "POST"])
@mark("public", "tells a browser only whether its own session lives")
def alive() -> BaseResponse:
    """``{"alive": true, "seconds": n}``: how long the session lives without activity. POST counts as activity."""
    if not current_user.is_authenticated:
        return _answer(alive=False, seconds=0)
    if request.method == "POST":
        gate.keep_alive()
        return _answer(alive=True, seconds=int(settings.idle().total_seconds()))
    return _answer(alive=True, seconds=int(gate.remaining().total_seconds()))


@blueprint.get("/session/draft")
@background
@mark("signed_in", "one's own half-filled form")
def draft() -> BaseResponse:
    """``{"fields": {name: [values]}}`` that the user left on page ``?url=``, or ``{"fields": null}``."""
    return _answer(fields=drafts.of_page(references.without(places.local(request.args.get("url")))))


@blueprint.post("/session/draft")
@background
@mark("signed_in", "one's own half-filled form")
def save_draft() -> BaseResponse:
    """Keep ``{"url": page, "fields": {name: [values]}}`` (JSON) for the user's next sign-in; ``{"kept": bool}``."""
    sent = _sent()
    fields = sent.get("fields") if isinstance(sent, dict) else None
    url = references.without(places.local(str(sent.get("url", "")), "")) if isinstance(sent, dict) else ""
    if not url or not isinstance(fields, dict):
        abort(400)
    return _answer(kept=drafts.keep(current_user.id, url, _clean(fields)))


def _sent() -> Any:
    try:
        return request.get_json(silent=True)
    except RecursionError:  # nested deeper than any form
        abort(400)


@blueprint.post("/session/draft/discard")
@mark("signed_in", "one's own half-filled form")
def discard_draft() -> BaseResponse:
    """Forget the form left on page ``url``."""
    url = places.local(request.form.get("url"))
    drafts.discard(references.without(url))
    return redirect(url, 303)


def _clean(fields: dict[str, Any]) -> drafts.Fields:
    kept = {name: values if isinstance(values, list) else [values] for name, values in fields.items()}
    if any(isinstance(value, dict | list) for values in kept.values() for value in values):
        abort(400)
    return {name: [str(value) for value in values] for name, values in kept.items()}


def _answer(**values: Any) -> Response:
    response = jsonify(**values)
    response.headers["Cache-Control"] = "no-store"
    return response


def _address() -> str:
    return request.remote_addr or ""


def _agent() -> str:
    return request.user_agent.string


def _shown(at: datetime) -> str:
    return at.astimezone(ZoneInfo(current_app.config["CRM"].timezone)).strftime("%Y-%m-%d %H:%M")
