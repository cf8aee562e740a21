"""Statements the database gave up because they took too long, told apart from everything else that goes wrong in it."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

_QUERY_CANCELED = "57014"
"""SQLSTATE of PostgreSQL for ``statement_timeout``, and for a statement an administrator has cancelled."""


def took_too_long(error: DBAPIError) -> bool:
    """Whether the statement was stopped for the time it took, on either database (see ``core.host.statements``)."""
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
    return getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED
