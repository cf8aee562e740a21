"""Looking somebody up by a document or phone number leaves an entry, and by its end is limited.

Four digits are few enough to try them all over a branch: a few searches an hour are somebody's work, more are a trawl.
"""

from __future__ import annotations

from datetime import timedelta

from core.sdk import parameters
from core.sdk.security import audit, audit_count, write
from core.sdk.web import translator
from plugins.customers.parameters import LAST_FOUR
from plugins.customers.services.search import Question

_ = translator("customers")

HOUR = timedelta(hours=1)
SUBJECT = "customers.party"
BY_NUMBER, BY_LAST_FOUR = "customers.party.lookup", "customers.party.lookup_last_four"
REFUSED = "customers.party.lookup_refused"


def may_look_up(query: str) -> bool:
    """Enter a search by an identifier, of which the entry keeps the kind and no digit, before it is made.

    False, which is entered too, when the user has made as many searches by the last four as an hour allows.
    """
    question = Question(query)
    if not question.by_identifier:
        return True
    action = BY_LAST_FOUR if question.by_last_four else BY_NUMBER
    with write() as session:
        limit = parameters.get(LAST_FOUR)
        refused = question.by_last_four and audit_count(session, BY_LAST_FOUR, within=HOUR) >= limit
        if refused:
            audit(session, REFUSED, subject=SUBJECT, detail={"outcome": "too many", "limit": limit})
        else:
            audit(session, action, subject=SUBJECT)
    return not refused


def too_many() -> str:
    """What somebody is told who may not search by the last four for now."""
    return _(
        "You have searched by the last four digits %(count)s times within an hour, which is the limit. Search by name, "
        "customer number or the whole number, or try again later.",
        count=parameters.get(LAST_FOUR),
    )
