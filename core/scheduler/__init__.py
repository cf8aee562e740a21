"""Jobs: declared by plugins, scheduled by IT, run once by an elected leader in processes that can be killed."""

from __future__ import annotations

from flask import Flask

from core.scheduler import models

__all__ = ["init_app", "models"]


def init_app(app: Flask) -> None:
    """Nothing to bind; the models are known to the metadata by being imported."""
