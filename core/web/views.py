"""The core's own pages. Thin: each parses its address, asks, renders."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, make_response, redirect, request, send_file, url_for
from werkzeug.wrappers import Response as BaseResponse

from core import i18n
from core.auth import tabs
from core.auth.forms import unstorable
from core.auth.places import local
from core.permissions import public, requires, signed_in
from core.web import panels, recovery, search, shell, styles, switched_off, theme
from core.web.answer import is_htmx, render, toast
from core.web.forms import identifying

_ = i18n.translator(i18n.CORE)
blueprint = Blueprint("core", __name__)


class _Asset(Response):
    """An answer that is the same for everybody, whatever handlers of sessions add to it later."""

    def get_wsgi_headers(self, environ: Any) -> Any:
        """Without cookies: each new session would else fetch every file anew."""
        headers = super().get_wsgi_headers(environ)
        headers["Vary"] = "Accept-Encoding"
        headers.remove("Set-Cookie")
        return headers


YEAR = 365 * 24 * 3600
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


@blueprint.get("/assets/<theme>/<name>")
@public("style sheets, scripts and icons hold no data, and the sign-in page needs them")
def asset(theme: str, name: str) -> BaseResponse:
    """A built file, in the smallest encoding the browser takes; its name changes when its content does."""
    path = _built(theme, name)
    encoding, suffix = next(
        ((e, s) for e, s in _ENCODINGS if request.accept_encodings[e] and path.with_name(name + s).exists()), ("", "")
    )
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response = send_file(path.with_name(name + suffix), mimetype=kind, conditional=True, etag=False)
    response.cache_control.clear()
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    if encoding:
        response.content_encoding = encoding
    return _Asset.force_type(response)


def _built(theme_name: str, name: str) -> Path:
    found = theme.assets().built(theme_name, name)
    if found is None:
        abort(404)
    return found


@blueprint.get("/favicon.ico")
@public("browsers ask for it before anybody is signed in")
def favicon() -> BaseResponse:
    """The mark, for browsers that ask at the usual place."""
    return redirect(theme.assets().url("mark.svg"), HTTPStatus.FOUND)


@blueprint.get("/")
@signed_in("the start page shows only modules the user may open")
def home() -> Response:
    """Start page: the modules one may open."""
    modules = shell.shell().menu
    return render("core/home.html", modules=modules, off=[] if modules else switched_off.titles())


@blueprint.get("/help")
@signed_in("help holds no data")
def help() -> Response:
    """How the system is used, with the list of keys."""
    return render("core/help.html")


@blueprint.get("/language/<code>")
@public("people choose their language before they sign in")
def language(code: str) -> BaseResponse:
    """Switch this browser's language and go back to where one was."""
    if code not in i18n.LANGUAGES:
        abort(404)
    response = redirect(local(request.args.get("next"), url_for("core.home")))
    _keep(response, i18n.COOKIE, code)
    return response


@blueprint.post("/display")
@signed_in("how pages look to oneself")
def display() -> BaseResponse:
    """Keep row height, text size or menu width; the way without script, which does the same at once."""
    response = redirect(_back())
    for name, known in (("density", shell.DENSITIES), ("size", shell.SIZES), ("side", shell.SIDES)):
        value = request.form.get(name)
        if value is not None and value in known:
            _keep(response, f"crm_{name}", value)
    return response


@blueprint.post("/tabs/close")
@signed_in("one's own list of open pages")
def close_tab() -> BaseResponse:
    """Take a page off the list of open pages; closing the one in view leads to the one before it."""
    closed = request.form.get("url", "")
    tabs.close(closed)
    if request.form.get("current"):
        left = tabs.listed()
        return redirect(local(left[-1].url if left else None, url_for("core.home")))
    return redirect(_back())


def _back() -> str:
    """The page this request came from, when it is one of ours."""
    origin = request.host_url.rstrip("/")
    referrer = request.referrer or ""
    return local(referrer.removeprefix(origin) if referrer.startswith(origin + "/") else None, url_for("core.home"))


def _keep(response: BaseResponse, name: str, value: str) -> None:
    secure = bool(getattr(current_app.config.get("CRM"), "https", False))
    # Script reads and writes these: they are tastes, not secrets.
    response.set_cookie(name, value, max_age=YEAR, samesite="Lax", secure=secure, path="/")


# -- search and panels -------------------------------------------------------------------------------------------------


@blueprint.get("/search", endpoint="search")
@signed_in("each module searches inside the user's own scope")
def search_all() -> Response:
    """The results page: a section for each module, each fetched by itself."""
    query = search.searched()
    return render("core/search.html", query=query, sections=search.sections() if query else [])


@blueprint.post("/search")
@signed_in("it only leads to a page, which decides for itself")
def ask() -> BaseResponse:
    """Where every search form is sent, so that what people type is in no address before it was looked at."""
    return search.asked()


@blueprint.get("/search/<plugin>")
@signed_in("each module searches inside the user's own scope")
def search_in(plugin: str) -> Response:
    """One module's section of the results."""
    return search.section(plugin, search.searched())


@blueprint.get("/_panel/<panel_id>/<path:key>")
@signed_in("each panel names an action of its own, which is checked before it loads")
def panel(panel_id: str, key: str) -> Response:
    """One panel for one subject."""
    return panels.show(panel_id, key)


# -- for those who run the system --------------------------------------------------------------------------------------


@blueprint.get("/style-guide")
@requires("core.styleguide")
def style_guide() -> Response:
    """Every component of the theme, live."""
    return render("core/style_guide.html", **styles.samples())


@blueprint.get("/recovery", endpoint="recovery")
@requires("core.recovery")
def recovery_page() -> Response:
    """Every plugin with its state, reason and trace; works when no plugin does."""
    return render("core/recovery.html", plugins=recovery.plugins())


@blueprint.post("/recovery/<plugin>/disable")
@requires("core.recovery")
def recovery_disable(plugin: str) -> BaseResponse:
    """Switch one plugin off, for a reason that is recorded."""
    reason = " ".join(request.form.get("reason", "").split())
    problem = unstorable(reason) or identifying(reason) or recovery.disable(plugin, reason)
    if problem:
        return render("core/recovery.html", status=422, plugins=recovery.plugins(), wrong=plugin, problem=problem)
    toast(_("Module %(name)s is off.", name=shell.plugin_title(plugin)))
    return redirect(url_for("core.recovery")) if not is_htmx() else _refresh()


def _refresh() -> Response:
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url_for("core.recovery")
    return response
