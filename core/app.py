"""``create_app``: the order in which the core puts itself together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from core import approvals, auth, monitoring, orgs, parameters, permissions, scheduler, warehouse, web
from core.config import load
from core.db import session
from core.extensions import csrf, db
from core.host import Host, kinds
from core.host.gate import GatedFlask


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """The whole application: settings, database, core services from the ground up, then the plugins.

    ``overrides`` take precedence over the environment and ``instance/crm.toml``; tests use them.

    Raises:
        core.config.ConfigError: a setting makes no sense.
    """
    config = load(overrides)
    app = GatedFlask("core", instance_path=str(config.instance), static_folder=None)
    app.config.update(
        CRM=config,
        SECRET_KEY=config.secret_key,
        SQLALCHEMY_DATABASE_URI=config.database_url,
        TESTING=config.testing,
        MAX_CONTENT_LENGTH=32 * 1024 * 1024,
        SESSION_COOKIE_SECURE=config.https,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    if hops := config.trusted_proxies:
        # Without it everybody has the proxy's address, and one person's wrong passwords slow down all.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]
    db.init_app(app)
    session.init_app(app)
    monitoring.init_app(app)  # first, so that every refusal after it carries the request's number
    csrf.init_app(app)
    for area in (orgs, parameters, auth, scheduler, permissions, approvals, warehouse, web):
        area.init_app(app)
    kinds.register()
    Host.start(app)
    return app
