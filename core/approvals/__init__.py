"""Maker and checker: one person asks for a change, another decides, and only then it is made.

First slice: one step, no delegation, no expiry. See :mod:`core.approvals.service`.
"""

from __future__ import annotations

from flask import Flask

from core.approvals import models as models


def init_app(app: Flask) -> None:
    """Nothing to set up but the table, whose model is imported above. Kinds are registered by those who apply them."""
