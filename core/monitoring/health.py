"""``/healthz``: the process answers. ``/readyz``: database and every plugin's checks do too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from flask import Blueprint, Response, current_app, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from core.contract.protocols import PluginFailed
from core.contract.types import HealthCheck

log = structlog.get_logger(__name__)

blueprint = Blueprint("health", __name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """Outcome of one check."""

    name: str
    ok: bool
    message: str = ""


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process is alive. Asks nothing of anybody, so a slow database does not get workers killed."""
    return _uncached(jsonify(ok=True))


@blueprint.get("/readyz")
def readyz() -> Response:
    """``{"ready": bool, "checks": [{"name", "ok"}]}``; 503 when not ready. What is wrong is told to the log only:
    whoever asks is not signed in."""
    checks = [_database(), *_plugins()]
    ready = all(check.ok for check in checks)
    for check in checks:
        if not check.ok:
            log.warning("not_ready", check=check.name, message=check.message)
    response = jsonify(ready=ready, checks=[{"name": check.name, "ok": check.ok} for check in checks])
    response.status_code = 200 if ready else 503
    return _uncached(response)


for _view in (healthz, readyz):
    # The decorator for this stands on a higher floor.
    _view.crm_access = ("public", "load balancers do not sign in; tells names of checks only")  # type: ignore[attr-defined]


def _database() -> Checked:
    from core.extensions import db

    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        return Checked("core.database", False, type(error).__name__)
    return Checked("core.database", True)


def _plugins() -> Iterator[Checked]:
    crm = current_app.extensions.get("crm")
    if crm is None:
        yield Checked("core.host", False, "the plugins are not loaded")
        return
    for plugin, check in crm.registry.of("crm_health_checks"):
        yield _ask(crm.dispatch, plugin, check)


def _ask(dispatch: object, plugin: str, check: HealthCheck) -> Checked:
    try:
        result = dispatch.call(plugin, "crm_health_checks", check.run)  # type: ignore[attr-defined]
    except PluginFailed as error:
        return Checked(check.name, False, error.failure.reason)
    return Checked(check.name, bool(result.ok), result.message)


def _uncached(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
