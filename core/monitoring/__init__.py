"""Audit entries, structured logs with a request number, and the two health pages."""

from __future__ import annotations

from flask import Flask

__all__ = ["init_app"]


def init_app(app: Flask) -> None:
    """Set logging up and put request numbers and health pages on ``app``."""
    from core.monitoring import health, logs, requests

    logs.configure()
    requests.init_app(app)
    app.register_blueprint(health.blueprint)
