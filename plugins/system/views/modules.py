"""The modules page: what there is, in which state and why, and switching it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from core.sdk import modules as host
from core.sdk.modules import PluginStatus, SwitchPlan, SwitchRefused
from core.sdk.security import can
from core.sdk.web import abort_with, current_user, link, render, requires, toast, translator
from plugins.system.forms import SwitchForm
from plugins.system.permissions import SWITCH, VIEW
from plugins.system.services import words
from plugins.system.views import bp

_ = translator("system")

ORDER = {"broken": 0, "pending": 1, "enabled": 2, "disabled": 3, "discovered": 4}


@bp.get("/modules")
@requires(VIEW)
def modules() -> Response:
    """Every module, those that need attention first."""
    found = sorted(host.plugins(), key=lambda plugin: (ORDER.get(plugin.state, 9), plugin.name))
    counts = {state: sum(plugin.state == state for plugin in found) for state in ORDER}
    return render(
        "system/modules.html",
        plugins=found,
        counts=counts,
        said=_sayer(_titles(found)),
        states=_states(),
        title=_title,
        may_switch=can(SWITCH),
        next_step=_next_step,
    )


@bp.get("/modules/<name>")
@requires(VIEW)
def module(name: str) -> Response:
    """One module: state, plan of the next switch, failures. ``?ask=1`` opens the dialog at once."""
    return _page(_status(name), SwitchForm(formdata=None), ask=request.args.get("ask") == "1")


@bp.post("/modules/<name>/switch")
@requires(SWITCH)
def switch(name: str) -> AnyResponse:
    """Switch one module on or off, for a reason."""
    plugin, form = _status(name), SwitchForm()
    to = request.form.get("to", "")
    if to not in {"enable", "disable"}:
        abort_with(400, _("A module can only be switched on or off."))
    if not form.validate_on_submit():
        return _page(plugin, form, ask=True)
    reason = str(form.reason.data).strip()
    try:
        (host.enable if to == "enable" else host.disable)(name, str(current_user.username), reason)
    except SwitchRefused as refused:
        return _page(_status(name), form, problem=_sayer(_titles(host.plugins()))(str(refused)), status=409)
    done = _("%(module)s is on.") if to == "enable" else _("%(module)s is off. Its data stays.")
    toast(done % {"module": _title(plugin)})
    return redirect(link("system.module", name=name))


def _page(
    plugin: PluginStatus, form: SwitchForm, *, ask: bool = False, problem: str = "", status: int | None = None
) -> Response:
    step = _next_step(plugin)
    plan = host.plan(plugin.name, step) if step else None
    titles = _titles(host.plugins())
    return render(
        "system/module.html",
        status=status or form.status,
        plugin=plugin,
        plan=plan,
        step=step,
        form=form,
        ask=ask and plan is not None and not plan.refused,
        problem=problem,
        said=_sayer(titles),
        states=_states(),
        title=_title,
        titles=titles,
        changes=_changes(plan),
        may_switch=can(SWITCH),
    )


def _status(name: str) -> PluginStatus:
    known = {plugin.name: plugin for plugin in host.plugins()}
    if name not in known:
        abort_with(404, _("There is no module of that name."))
    return known[name]


def _next_step(plugin: PluginStatus) -> str:
    """What can be done to it: "enable", "disable", or "" when neither makes sense."""
    if plugin.state == "enabled":
        return "" if plugin.protected else "disable"
    if plugin.state in {"disabled", "discovered", "pending"}:
        return "enable"
    return "" if plugin.protected or plugin.wanted != "enabled" else "disable"


def _changes(plan: SwitchPlan | None) -> list[tuple[str, tuple[str, ...]]]:
    """What appears or disappears, by kind, as ``(label, things)``; kinds of which there is nothing are left out."""
    if plan is None:
        return []
    things: dict[str, Any] = dict(plan.appears if plan.to == "enable" else plan.disappears)
    domain = translator(plan.name)
    kinds = {"menus": _("Menu"), "panels": _("Panels"), "jobs": _("Jobs"), "routes": _("Pages")}
    found: list[tuple[str, tuple[str, ...]]] = []
    for kind, label in kinds.items():
        names = tuple(things.get(kind, ()))
        shown = names if kind == "routes" else tuple(domain(name) for name in names)
        if shown:
            found.append((label, tuple(dict.fromkeys(shown))))
    return found


def _title(plugin: PluginStatus) -> str:
    return translator(plugin.name)(plugin.title)


def _titles(found: Iterable[PluginStatus]) -> dict[str, str]:
    return {plugin.name: _title(plugin) for plugin in found}


def _sayer(titles: Mapping[str, str]) -> Callable[[str], str]:
    """What puts a reason of the host into the reader's words."""
    return lambda reason: words.said(reason, _, titles)


def _states() -> dict[str, tuple[str, str, str]]:
    """State to word, kind of tag, icon."""
    return {
        "enabled": (_("On"), "ok", "check"),
        "disabled": (_("Off"), "", "power"),
        "broken": (_("Broken"), "danger", "alert-triangle"),
        "pending": (_("Waiting for migration"), "warn", "clock"),
        "discovered": (_("New"), "primary", "package"),
    }
