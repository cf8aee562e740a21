"""What the recovery page needs of the host. The host is handed in by the app; nothing here needs a plugin to work."""

from __future__ import annotations

import logging
from typing import Any, cast

from flask import current_app
from flask_login import current_user

from core.i18n import CORE, translator
from core.monitoring.audit import SHORTEST_REASON
from core.monitoring.identifiers import scrub

log = logging.getLogger(__name__)
_ = translator(CORE)
LONGEST_REASON = 200


def _host() -> Any:
    return current_app.extensions["crm.host"]


def plugins() -> list[Any]:
    """Every plugin the host knows, those that need attention first."""
    rank = {"broken": 0, "pending": 1, "enabled": 2, "disabled": 3}
    return sorted(cast("list[Any]", _host().plugins()), key=lambda p: (rank.get(p.state, 4), p.name))


def disable(name: str, reason: str) -> str:
    """Switch a plugin off. The answer is what stood in the way, in words, or ""."""
    known = {p.name: p for p in plugins()}
    if name not in known:
        return _("There is no module of that name.")
    if len(reason) < SHORTEST_REASON:
        return _("Please give a reason of at least %(count)s characters.", count=SHORTEST_REASON)
    if len(reason) > LONGEST_REASON:
        return _("A reason has at most %(count)s characters.", count=LONGEST_REASON)
    try:
        _host().disable(name, by=str(current_user.username), reason=reason)
    except Exception as error:
        log.warning("recovery page could not disable %s", name, exc_info=True)
        return _("The module could not be switched off: %(why)s", why=scrub(str(error)))
    return ""
