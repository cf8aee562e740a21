"""Half-filled forms: kept encrypted when a session ends under them, given back to the same user on the same page."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from flask import flash, g, has_request_context, request
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from core.auth import places, references, settings
from core.auth.models import Draft
from core.auth.state import moment, short_read, short_write
from core.db import text
from core.db.secrets import SecretError
from core.monitoring.identifiers import REMOVED, scrub

LARGEST = 64 * 1024
"""Characters of one form; larger ones are not kept."""
MOST = 20
"""Forms of one user; the oldest go."""

Fields = dict[str, list[str]]

_SECRET = re.compile(r"pass|pwd|secret|token|csrf|otp|cvv|cvn|(^|[_\-])pin($|[_\-])|密码|口令", re.IGNORECASE)


def keepable(form: Mapping[str, list[str]]) -> Fields:
    """The fields worth keeping: no passwords, tokens or the like, and no number of a document, phone, card or account.

    Characters that cannot be stored are left out, so that they do not cost the rest. Files are never among them.
    """
    plain = {_storable(name): [_storable(value) for value in values] for name, values in form.items()}
    return {n: v for n, v in plain.items() if n != references.FIELD and not _SECRET.search(n) and not _identifies(v)}


def _storable(typed: str) -> str:
    return text.cleaned(typed, lines=True)


def _identifies(values: list[str]) -> bool:
    """A field that holds an identifier and nothing else; one inside a remark is the writer's own, and encrypted."""
    return any(scrub(value.strip()) == REMOVED for value in values)


def save(session: Session, user_id: int, url: str, fields: Fields, at: datetime) -> bool:
    """Keep a form for that user and page, in place of an earlier one. False when there is nothing, or too much."""
    kept = keepable(fields)
    packed = json.dumps(kept, ensure_ascii=False)
    if not any(any(values) for values in kept.values()) or len(packed) > LARGEST:
        return False
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.url == url))
    session.add(Draft(user_id=user_id, url=url, fields=packed, saved_at=at))
    session.flush()
    newest = select(Draft.id).where(Draft.user_id == user_id).order_by(Draft.saved_at.desc(), Draft.id.desc())
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.id.not_in(newest.limit(MOST))))
    return True


def load(session: Session, user_id: int, url: str, *, at: datetime, life: timedelta) -> Fields | None:
    """What that user left on that page and has not expired; None when there is nothing."""
    row = session.scalars(
        select(Draft).where(Draft.user_id == user_id, Draft.url == url, Draft.saved_at > at - life)
    ).one_or_none()
    if row is None:
        return None
    found: Fields = json.loads(row.fields)
    return found


def drop(session: Session, user_id: int, url: str) -> None:
    """Forget what that user left on that page."""
    session.execute(delete(Draft).where(Draft.user_id == user_id, Draft.url == url))


def sweep(session: Session, at: datetime, life: timedelta) -> None:
    """Delete every expired draft."""
    session.execute(delete(Draft).where(Draft.saved_at <= at - life))


# -- in a request ------------------------------------------------------------------------------------------------------


def here() -> Fields | None:
    """What the signed-in user left on the page being opened; None for other requests. Read once a request."""
    if not has_request_context() or request.method != "GET" or not current_user.is_authenticated:
        return None
    if "crm_draft" not in g:
        g.crm_draft = of_page(places.page())
    found: Fields | None = g.crm_draft
    return found


def of_page(url: str) -> Fields | None:
    """What the signed-in user left on that page. A draft whose key is gone counts as none."""
    with short_read() as session:
        try:
            return load(session, current_user.id, url, at=moment(), life=settings.draft_life())
        except SecretError:
            return None


def for_form(names: Collection[str]) -> MultiDict[str, str] | None:
    """The draft of this page as form data, when it belongs to a form with these fields; else None.

    Forms that are shown call this, so that what was typed is put back.
    """
    fields = here()
    if not fields or not set(fields) <= set(names):
        return None
    flash(_("What you had typed is back in the form. Check it and send it again."), "info")
    return MultiDict((name, value) for name, values in fields.items() for value in values)


def keep(user_id: int, url: str, fields: Fields) -> bool:
    """Save in a unit of work of its own."""
    with short_write() as session:
        return save(session, user_id, url, fields, moment())


def discard(url: str) -> None:
    """Forget the signed-in user's draft of that page; takes no write lock when there is none."""
    with short_read() as session:
        there = session.scalar(select(Draft.id).where(Draft.user_id == current_user.id, Draft.url == url))
    if there is not None:
        with short_write() as session:
            drop(session, current_user.id, url)
