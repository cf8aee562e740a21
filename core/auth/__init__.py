"""Users, sign-in, server-side sessions, password policy, half-filled forms.

``current_user`` is a :class:`core.auth.principal.Principal` or Flask-Login's anonymous user. Two-factor sign-in,
password expiry and history are not here yet.
"""

from __future__ import annotations

from flask import Flask

__all__ = ["init_app"]


def init_app(app: Flask) -> None:
    """Put sign-in before every view of ``app``, with its pages."""
    from core.auth import gate
    from core.auth.passwords import Hasher
    from core.auth.state import State
    from core.auth.views import blueprint

    config = app.config["CRM"]
    app.extensions["crm.auth"] = State(Hasher(cheap=config.testing), config.secret_key.encode(), config.https)
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.https,
        # A token lives as long as its session; an hour would lose the form somebody filled in slowly.
        WTF_CSRF_TIME_LIMIT=None,
    )
    gate.init_app(app)
    app.register_blueprint(blueprint)
