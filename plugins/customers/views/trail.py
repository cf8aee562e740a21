"""Looking somebody up by a document or phone number leaves an entry and is limited.

Four digits are few enough to try them all over a branch, and a masked number is completed by trying what the mask
hides: some searches an hour are somebody's work, more are a trawl. Who guesses nearly always misses: fewer of those.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from core.sdk import parameters
from core.sdk.security import audit, audit_count, write
from core.sdk.web import translator
from plugins.customers.parameters import LAST_FOUR, MISSES, NUMBER
from plugins.customers.services import parties
from plugins.customers.services.search import Question

_ = translator("customers")

HOUR = timedelta(hours=1)
SUBJECT = "customers.party"
BY_NUMBER, BY_LAST_FOUR = "customers.party.lookup", "customers.party.lookup_last_four"
MISSED = "customers.party.lookup_missed"
REFUSED = "customers.party.lookup_refused"
NAMED = 20
"""Customers an entry names: as many as a page shows."""


def may_look_up(session: Session, query: str) -> bool:
    """Enter a search by an identifier before what it finds is shown: the kind of number and no digit of it, whether it
    hit, and whom, by customer number.

    Args:
        session: sees the customers the user may see; what lies outside counts as a miss.

    False, which is entered too, when the user has made as many such searches as an hour allows.
    """
    question = Question(query)
    if not question.by_identifier:
        return True
    found = parties.numbers_found(session, query, NAMED)
    hit = BY_LAST_FOUR if question.by_last_four else BY_NUMBER
    with write() as writing:
        limit = _reached(writing, question)
        if limit:
            audit(writing, REFUSED, subject=SUBJECT, detail={"outcome": "too many", "limit": limit})
        elif found or question.by_last_four:
            detail = {"outcome": "hit" if found else "miss", "parties": found}
            audit(writing, hit, subject=SUBJECT, key=found[0] if len(found) == 1 else None, detail=detail)
        else:
            audit(writing, MISSED, subject=SUBJECT, detail={"outcome": "miss", "parties": []})
    return not limit


def _reached(writing: Session, question: Question) -> int:
    """The limit that allows no further search of this kind; 0 when there is none."""
    if question.by_last_four:
        limit = int(parameters.get(LAST_FOUR))
        return limit if audit_count(writing, BY_LAST_FOUR, within=HOUR) >= limit else 0
    limit, misses = int(parameters.get(NUMBER)), int(parameters.get(MISSES))
    hit, missed = (audit_count(writing, action, within=HOUR) for action in (BY_NUMBER, MISSED))
    if missed >= misses:
        return misses
    return limit if hit + missed >= limit else 0


def too_many(query: str) -> str:
    """What somebody is told who may not search by such a number for now."""
    if Question(query).by_last_four:
        return _(
            "You have searched by the last four digits %(count)s times within an hour, which is the limit. Search by "
            "name, customer number or the whole number, or try again later.",
            count=parameters.get(LAST_FOUR),
        )
    return _(
        "Within an hour one may search %(count)s times by a document or phone number, and %(misses)s times without "
        "finding anybody; you have reached a limit. Search by name or customer number, or try again later.",
        count=parameters.get(NUMBER),
        misses=parameters.get(MISSES),
    )
