"""What the global search box finds among customers."""

from __future__ import annotations

from collections.abc import Iterable

from core.sdk.hooks import SearchHit
from core.sdk.security import acting, can
from core.sdk.web import link, translator
from plugins.customers.permissions import VIEW
from plugins.customers.services import parties
from plugins.customers.views import lines, trail

_ = translator("customers")


def hits(query: str, limit: int) -> Iterable[SearchHit]:
    """Customers in the user's reach, masked."""
    if not query.strip() or not can(VIEW):
        return []
    with acting(VIEW) as session:
        if not trail.may_look_up(session, query):
            return [SearchHit(trail.too_many(query), link("customers.index"), _("Customers"))]
        rows = lines.listing(session, parties.found(session, query, limit))
    return [_hit(row) for row in rows]


def _hit(row: lines.Line) -> SearchHit:
    detail = " · ".join(part for part in (row.party_id, row.short_name, row.organisation, row.mobile) if part)
    return SearchHit(row.name or _("Missing"), row.url, row.kind, detail)
