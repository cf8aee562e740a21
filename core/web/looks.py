"""Who looked at which record: one rule for the pages of all plugins and for all panels.

A look leaves one entry for each user, record and permission it took within ``audit.look_minutes``: opening a customer,
whose page fetches seven pieces, is two entries (customers, accounts) and not eight. A try that was refused, or for a
record out of reach, leaves one each time: somebody who tries numbers out must be seen to. A panel that had nothing to
show may mean either, and leaves one as a look does. ::

    records_looks(bp, "customers.party", "party_id")    # every page of bp whose address names a party_id
"""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Response, request

from core import parameters
from core.contract.types import Parameter
from core.db.session import write
from core.extensions import db
from core.monitoring import audit
from core.monitoring.context import actor
from core.monitoring.identifiers import scrub
from core.web import access

LONGEST = 120
"""Characters of an audit key."""
NO_PERMISSION, OUT_OF_REACH, NOTHING = "no permission", "out of reach", "nothing shown"
_REFUSED = {403: NO_PERMISSION, 404: OUT_OF_REACH}

parameters.declare(
    Parameter("audit.look_minutes", "Minutes in which looking again at the same record is one entry", "int", 15, 1, 240)
)


def seen(subject: str, key: str, action: str, at: str) -> None:
    """Somebody was shown a record.

    Args:
        subject: kind of the record, such as ``customers.party``.
        key: its key as addresses carry it.
        action: permission it took; the entry's action is ``look.`` and that.
        at: endpoint or panel.
    """
    _once(f"look.{action}", subject, key, {"at": at})


def empty(subject: str, key: str, action: str, at: str) -> None:
    """A panel had nothing to show for a key, which may be out of reach."""
    _once(f"refused.{action}", subject, key, {"at": at, "outcome": NOTHING})


def refused(subject: str, key: str, action: str, at: str, outcome: str) -> None:
    """Somebody asked for a record and was not shown it, because ``outcome``."""
    if actor().user_id is None:
        return
    with write() as session:
        # What was tried may be anything, also somebody's document number.
        kept = scrub(key)[:LONGEST]
        audit.record(session, f"refused.{action}", subject=subject, key=kept, detail={"at": at, "outcome": outcome})


def _once(name: str, subject: str, key: str, detail: dict[str, str]) -> None:
    """The entry, unless this user has one for it from a moment ago. Looked up without the lock first: most have."""
    key, within = scrub(key)[:LONGEST], timedelta(minutes=parameters.get("audit.look_minutes"))
    if actor().user_id is None or audit.recent(db.session(), name, subject=subject, key=key, within=within):
        return
    with write() as session:
        audit.take_turns(session, f"{name} {subject} {key} {actor().user_id}")
        if not audit.recent(session, name, subject=subject, key=key, within=within):
            audit.record(session, name, subject=subject, key=key, detail=detail)


def records_looks(blueprint: Blueprint, subject: str, argument: str) -> None:
    """Enter every look at, and every try for, a record that an address of this blueprint names.

    An entry that cannot be written fails the request, so that nothing is shown unseen.

    Args:
        blueprint: whose pages.
        subject: kind of the record.
        argument: name of the address's part that holds the record's key; pages without it are about no one record.
    """

    @blueprint.after_request
    def enter(response: Response) -> Response:
        key, endpoint = (request.view_args or {}).get(argument), request.endpoint or ""
        if key is None:
            return response
        action = access.action_of(endpoint) or endpoint
        outcome = _REFUSED.get(response.status_code)
        if outcome is not None:
            refused(subject, str(key), action, endpoint, outcome)
        elif response.status_code < 400 or response.status_code in {409, 422}:
            seen(subject, str(key), action, endpoint)
        return response
