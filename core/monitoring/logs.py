"""Logs: one JSON object a line on standard error, with request number and user number, without personal data."""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from core.monitoring.context import actor
from core.monitoring.identifiers import REMOVED, scrub

_SECRET_NAMES = re.compile(r"pass|secret|token|cookie|authorization|\bname\b|mobile|phone|cert|address", re.IGNORECASE)


def without_personal_data(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Processor: empties fields that are named like personal data, and scrubs the text of all others."""
    return {key: REMOVED if _is_secret(key, value) else _clean(value) for key, value in event.items()}


def _is_secret(key: str, value: Any) -> bool:
    return value is not None and not key.startswith("_") and bool(_SECRET_NAMES.search(key))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {k: REMOVED if _SECRET_NAMES.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def with_actor(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Processor: adds the request number and the number of the user."""
    who = actor()
    if who.request_id is not None:
        event.setdefault("request_id", who.request_id)
    if who.user_id is not None:
        event.setdefault("user_id", who.user_id)
    return event


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        with_actor,
    ]


class _StandardError(logging.StreamHandler[Any]):
    """Writes to whatever standard error is at the time: test runners and daemons exchange it."""

    @property
    def stream(self) -> Any:
        """The stream of this moment."""
        return sys.stderr

    @stream.setter
    def stream(self, stream: Any) -> None:
        """The base class sets one at its birth; it would be stale by the time it is used."""


def handler() -> logging.Handler:
    """A handler that writes every record, ours and libraries', in one form."""
    made = _StandardError()
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                without_personal_data,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    return made


def configure(level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's records through one handler. Safe to repeat."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(h, _StandardError) for h in root.handlers):
        root.addHandler(handler())
        root.setLevel(level)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # its lines carry whole URLs, queries included
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # the scheduler looks every second whether work is due
    logging.getLogger("alembic").setLevel(logging.WARNING)  # asking for the state of a schema is no event
