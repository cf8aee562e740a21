"""How a route says who may use it, and how code acts for somebody. ::

@bp.get("/<int:key>")
@requires("customers.party.view")
def show(key): ...
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from flask import Flask, current_app, has_request_context, request
from flask_login import current_user

from core.db.session import Access, CrmSession, new_session, request_session, unit, writing_session
from core.db.sqlite import Mode
from core.monitoring import audit
from core.monitoring.context import actor
from core.permissions.decisions import decide, held_by
from core.permissions.reach import reach

V = TypeVar("V", bound=Callable[..., Any])

log = logging.getLogger(__name__)


class Denied(Exception):
    """The user may not do this. ``action`` names the missing permission, ``reasons`` say why, translated."""

    def __init__(self, action: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(action)
        self.action = action
        self.reasons = reasons


# -- decorators --------------------------------------------------------------------------------------------------------


def requires(action: str) -> Callable[[V], V]:
    """The route needs this action; its session sees the rows the action reaches."""

    def mark(view: V) -> V:
        @functools.wraps(view)
        def guarded(*args: Any, **kw: Any) -> Any:
            if not current_user.is_authenticated:
                return _sign_in()
            enter(action)
            return view(*args, **kw)

        guarded.crm_access = ("requires", action)  # type: ignore[attr-defined]
        return cast(V, guarded)

    return mark


def signed_in(reason: str) -> Callable[[V], V]:
    """Anyone who is signed in may use the route, for this reason. Its session is blind to scoped models."""

    def mark(view: V) -> V:
        @functools.wraps(view)
        def guarded(*args: Any, **kw: Any) -> Any:
            return view(*args, **kw) if current_user.is_authenticated else _sign_in()

        guarded.crm_access = ("signed_in", _said(reason))  # type: ignore[attr-defined]
        return cast(V, guarded)

    return mark


def public(reason: str) -> Callable[[V], V]:
    """Anyone may use the route, for this reason. Its session is blind to scoped models."""

    def mark(view: V) -> V:
        view.crm_access = ("public", _said(reason))  # type: ignore[attr-defined]
        return view

    return mark


def _said(reason: str) -> str:
    if not reason.strip():
        raise ValueError("say why the route needs no action")
    return reason


def _sign_in() -> Any:
    return current_app.login_manager.unauthorized()  # type: ignore[attr-defined]


def refuse_undeclared() -> None:
    """Before each request: a route that says nothing about access is a fault of ours, and closed."""
    if request.endpoint is None or request.endpoint.rpartition(".")[2] == "static":
        return
    view = current_app.view_functions.get(request.endpoint)
    declared = getattr(view, "crm_access", None) or getattr(getattr(view, "view_class", None), "crm_access", None)
    if view is not None and declared is None:
        raise RuntimeError(f"route {request.endpoint} declares no access; use requires(), signed_in() or public()")


# -- acting ------------------------------------------------------------------------------------------------------------


def user_id() -> int | None:
    """Who acts: the signed-in user of the request, or whom the job in progress works for."""
    if has_request_context():
        return int(current_user.id) if current_user.is_authenticated else None
    return actor().user_id


def access_for(action: str) -> Access:
    """The access of the acting user for an action.

    Raises:
        Denied: they may not do it.
    """
    who = user_id()
    if who is None:
        raise Denied(action)
    verdict = decide(who, action)
    if not verdict.allowed:
        raise Denied(action, verdict.reasons)
    return Access(who, action, reach(held_by(who).on(action)))


def enter(action: str) -> None:
    """Go on in this request with the rows of ``action`` in reach, and no others.

    Raises:
        Denied: the user may not do it.
    """
    request_session().enter(access_for(action))


def can(action: str) -> bool:
    """True when the acting user may do this; for menus and buttons."""
    who = user_id()
    if who is None:
        return False
    if not has_request_context():
        return decide(who, action).allowed
    known: dict[tuple[int, str], bool] = request.environ.setdefault("crm.permissions.can", {})
    if (who, action) not in known:
        known[who, action] = decide(who, action).allowed
    return known[who, action]


@contextmanager
def acting(action: str) -> Iterator[CrmSession]:
    """A session of its own for another action of the same user: commits at the end, rolls back on an error.

    Raises:
        Denied: the user may not do it.
    """
    with unit(new_session(access=access_for(action))) as session:
        yield session


@contextmanager
def unscoped(reason: str, *, mode: Mode | None = None) -> Iterator[CrmSession]:
    """A session of its own past row scope: commits at the end, rolls back on an error. Audited, whatever becomes of it.

    Inside another unit of work of the same thread that holds unsaved changes it can, on SQLite, only read.

    Args:
        reason: why row scope must not apply; it stands in the audit.
        mode: ``read`` or ``write``; by default as the request at hand.
    """
    if not reason.strip():
        raise ValueError("say why row scope must not apply")
    _audit_unscoped(reason)
    with unit(new_session(unscoped=reason, mode=mode)) as session:
        yield session


def _audit_unscoped(reason: str) -> None:
    access = request_session().access if has_request_context() else None
    detail = None if access is None else {"action": access.action}
    writing = writing_session()
    if writing is not None:
        audit.record(writing, "core.unscoped", detail=detail, user_id=user_id(), reason=reason)
        return
    with unit(new_session(mode="write")) as session:
        audit.record(session, "core.unscoped", detail=detail, user_id=user_id(), reason=reason)


def init_app(app: Flask) -> None:
    """Close routes that declare nothing."""
    app.before_request(refuse_undeclared)
