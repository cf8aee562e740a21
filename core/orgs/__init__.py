"""The organisation tree, employees and posts."""

from __future__ import annotations

from flask import Flask

__all__ = ["init_app"]


def init_app(app: Flask) -> None:
    """Nothing to set up: the tree is read and changed through :mod:`core.orgs.tree` and :mod:`core.orgs.staff`."""
    from core.orgs import models  # noqa: F401 - its tables join the metadata
