"""Error pages, as whole pages and as small fragments: what is wrong, in words, and what one can do now."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.exc import DBAPIError
from werkzeug.exceptions import HTTPException, InternalServerError

from core import permissions
from core.auth.places import local
from core.db.locking import Conflict
from core.db.timeouts import took_too_long
from core.extensions import db
from core.i18n import CORE, N_, translator
from core.monitoring.context import actor
from core.web import access, conflict, shell, switched_off
from core.web.answer import is_htmx
from core.web.theme import AssetsMissing

log = logging.getLogger(__name__)
_ = translator(CORE)


@dataclass(frozen=True, slots=True)
class Fault:
    """What an error page says."""

    status: int
    title: str
    text: str
    icon: str = "alert-triangle"
    facts: tuple[tuple[str, str], ...] = ()
    number: str = ""
    retry: bool = False


_WORDS = {
    400: (
        N_("The request was not understood"),
        N_("Go back, check what you entered and send it again."),
        "alert-circle",
    ),
    401: (N_("Please sign in"), N_("Your session has ended. Sign in again to go on."), "lock"),
    403: (N_("You may not do this"), N_("Your roles do not include the permission this page needs."), "shield-lock"),
    404: (
        N_("There is no such page"),
        N_("It may have moved, its module may be switched off, or the record is not in your scope."),
        "search",
    ),
    405: (N_("This page can't be used that way"), N_("Open it from the menu."), "ban"),
    409: (
        N_("Somebody else has changed this in the meantime"),
        N_("Nothing was saved. Open the record again and repeat your change."),
        "arrows-exchange",
    ),
    413: (N_("The file is too large"), N_("Split it into smaller files."), "file-alert"),
    422: (
        N_("Some entries are not right"),
        N_("Nothing was saved. Correct the entries marked and send the form again."),
        "alert-circle",
    ),
    429: (N_("Too many requests"), N_("Please wait a moment, then try again."), "clock"),
    500: (
        N_("Something went wrong on our side"),
        N_("Nothing you did caused this. If it happens again, give the number below to the help desk."),
        "alert-triangle",
    ),
    503: (
        N_("Not available for the moment"),
        N_("The system is busy or being renewed. Please try again in a minute."),
        "refresh",
    ),
}


def fault(status: int, text: str = "", facts: tuple[tuple[str, str], ...] = (), number: str = "") -> Fault:
    """The words for a status; ``text`` replaces the general explanation."""
    title, general, icon = _WORDS.get(status, _WORDS[500 if status >= 500 else 400])
    return Fault(status, _(title), text or _(general), icon, facts, number, retry=status in (429, 503))


def answer(found: Fault, template: str = "error", **values: Any) -> Response:
    """A fault as a page, or as a fragment for htmx. Falls back to simpler pages when even that fails."""
    g.crm_no_tab = True
    values = {"fault": found, "shell_page": _shell_page(), **values}
    try:
        response = make_response(_html(template, values), found.status)
    except Exception:
        log.exception("error page %s could not be rendered", found.status)
        response = make_response(_bare(found), found.status)
    if is_htmx():
        # Whatever piece of a whole page was asked for, the fragment is what there is.
        response.headers["HX-Reselect"] = "[data-fault]"
    return response


def _html(template: str, values: dict[str, Any]) -> str:
    if is_htmx():
        return render_template(f"errors/{template}_fragment.html", **values)
    try:
        return render_template(f"errors/{template}.html", **values)
    except Exception:
        log.exception("error page with the shell failed; showing it without")
        return render_template(f"errors/{template}.html", **{**values, "shell_page": False})


def _bare(found: Fault) -> str:
    number = f"<p>{escape(found.number)}</p>" if found.number else ""
    return (
        f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>{found.status}</title>'
        f"<main data-fault><h1>{escape(found.title)}</h1><p>{escape(found.text)}</p>{number}</main></html>"
    )


def _shell_page() -> bool:
    try:
        return shell.signed_in()
    except Exception:  # the database may be what failed
        log.exception("cannot tell who is signed in")
        return False


# -- handlers ----------------------------------------------------------------------------------------------------------


def _http(error: HTTPException) -> Response:
    if error.response is not None:  # abort(response): somebody made the answer already
        return make_response(error.response)
    status = error.code or 500
    off = _title_off() if status == 404 else ""
    if off:
        return answer(_off(off))
    own = error.description if "description" in vars(error) else ""
    response = answer(fault(status, str(own or ""), number=_number() if status >= 500 else ""))
    retry = getattr(error, "retry_after", None)
    if status in (429, 503):
        response.headers.setdefault("Retry-After", str(retry or 30))
    if status == 405:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    return response


def _title_off() -> str:
    try:
        return switched_off.title_here()
    except Exception:  # the database may be what failed
        log.exception("cannot tell whose page this would be")
        return ""


def _off(module: str) -> Fault:
    """A page that was there a moment ago: no more is told than its module's name, and what was typed is not lost."""
    if switched_off.keep_form():
        title = _("“%(module)s” is switched off; what you entered has been kept", module=module)
        text = _("Once the module is on again, open the form: what you entered stands there. Nothing was saved yet.")
        return Fault(404, title, text, "power")
    title = _("“%(module)s” is switched off", module=module)
    return Fault(404, title, _("Its pages are back once the system administrator switches it on."), "power")


def _csrf(error: CSRFError) -> Response:
    text = _("The page was open for too long or in two windows. Load it again, then repeat your change.")
    return answer(fault(400, text))


def _denied(error: permissions.Denied) -> Response:
    action = error.action
    label = access.action_label(action)
    named = label if label == action else _("%(label)s (%(name)s)", label=label, name=action)
    facts = [(_("Missing permission"), named)]
    facts.append((_("Whom to ask"), _whom_to_ask(action)))
    reasons = " ".join(str(r) for r in getattr(error, "reasons", ()) or ())
    if reasons:
        facts.append((_("Reason"), reasons))
    return answer(fault(403, facts=tuple(facts)))


def _whom_to_ask(action: str) -> str:
    if shell.signed_in() and permissions.barred(int(current_user.id), action):
        return _("Nobody: administrators are kept apart from this, and nobody can change that")
    return permissions.grantors() or _("The security administrator")


def _conflict(error: Conflict) -> Response:
    gone = _("Somebody else has deleted this record.") if error.theirs is None else ""
    retry = conflict.retry(error)
    text = gone or (_("Nothing has been saved yet. Choose for each field that differs, then save.") if retry else "")
    values = {"rows": conflict.rows(error), "retry": retry, "again": local(_referrer(), request.path)}
    return answer(fault(409, text), "conflict", **values)


def _referrer() -> str | None:
    origin = request.host_url.rstrip("/")
    return request.referrer.removeprefix(origin) if request.referrer else None


def _database(error: DBAPIError) -> Response:
    """A statement failed: the transaction is of no more use, and the error page needs one to say who is signed in."""
    db.session.rollback()
    if not took_too_long(error):
        return _unexpected(error)
    log.warning("stopped, took too long: %s %s", request.method, request.path, exc_info=error)
    _module(error)
    title = _("This takes too long to look up. Please narrow it down")
    text = _("Enter more of the name or number, or set a filter, then try again.")
    return answer(Fault(503, title, text, "clock", number=_number(), retry=True))


def _unexpected(error: Exception) -> Response:
    original = getattr(error, "original_exception", None) or error
    log.error("unhandled: %s %s", request.method, request.path, exc_info=original)
    if isinstance(original, AssetsMissing):
        return make_response(f"{original}\n", 503, {"Content-Type": "text/plain; charset=utf-8"})
    return answer(fault(500, facts=_module(original), number=_number()))


def _module(error: Exception) -> tuple[tuple[str, str], ...]:
    """Whose page it was, when it was a module's; the host counts the failure as that module's."""
    crm = current_app.extensions.get("crm")
    title = crm.dispatch.page_failed(request.endpoint or "", error) if crm is not None else ""
    return ((_("Module that failed"), title),) if title else ()


def _number() -> str:
    return actor().request_id or ""


def init_app(app: Flask) -> None:
    """Register the handlers. The most particular wins, so plugins may still handle their own exceptions."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(permissions.Denied, _denied)
    app.register_error_handler(Conflict, _conflict)
    app.register_error_handler(DBAPIError, _database)
    app.register_error_handler(InternalServerError, _unexpected)
    app.register_error_handler(Exception, _unexpected)
