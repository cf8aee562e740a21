"""A statement of a plugin that takes too long fails by itself, before the hook it is in costs the whole worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

STEPS = 50_000
"""SQLite asks after so many steps of its machine: often enough to notice, too seldom to be felt."""


def limit(engine: Engine, seconds: float, too_long: Callable[[], bool]) -> None:
    """Set the time-out on the connections that ``engine`` opens from now on; those it has are closed.

    PostgreSQL keeps the time itself, for every statement of this process. SQLite has no clock and asks ``too_long()``,
    which is true while this thread runs code of a plugin that should have come back.
    """
    sqlite = engine.dialect.name == "sqlite"

    def set_up(connection: Any, record: Any) -> None:
        if sqlite:
            connection.set_progress_handler(too_long, STEPS)
            return
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {int(seconds * 1000)}")
        connection.commit()

    event.listen(engine, "connect", set_up)
    engine.dispose()
