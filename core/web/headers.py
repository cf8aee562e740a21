"""Headers of every answer: what a page may load, who may keep it, who may frame it."""

from __future__ import annotations

from flask import Flask, Response, request

from core.web.answer import send_toast

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_FIXED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_VARY = ("HX-Request", "HX-Request-Type", "Cookie")


def init_app(app: Flask) -> None:
    """Add the headers to every answer of ``app``."""
    https = bool(getattr(app.config.get("CRM"), "https", False))

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in _FIXED.items():
            response.headers.setdefault(name, value)
        if https:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.endpoint != "core.asset":
            # Pages, downloads and JSON all may hold a customer's data; nothing of it stays in a cache.
            if not response.headers.get("Cache-Control"):
                response.headers["Cache-Control"] = "no-store"
            response.vary.update(_VARY)
        return send_toast(response)
