"""The customer list."""

from __future__ import annotations

from flask import Response, request
from sqlalchemy.orm import Session

from core.sdk import orgs
from core.sdk.security import session
from core.sdk.warehouse import warm
from core.sdk.web import Page, abort_with, link, render, requires, searched, translator
from plugins.customers.models import Party
from plugins.customers.permissions import VIEW
from plugins.customers.services import codes, parties
from plugins.customers.services.parties import Filters
from plugins.customers.views import bp, lines, trail

_ = translator("customers")


@bp.get("/")
@requires(VIEW)
def index() -> Response:
    """Filters, sorting and place come from the address, so every state of the list has one."""
    warm()  # who opens the list opens a customer next
    db = session()
    filters = _filters()
    if not trail.may_look_up(db, filters.query):
        abort_with(429, trail.too_many(filters.query))
    page = Page.of(parties.listing(db, filters), Party.id, session=db, sorts=parties.SORTS, default_sort="name")
    deliveries = parties.deliveries(db)
    entities = sorted({d.legal_entity for d in deliveries})
    places = orgs.tree(db)
    rows = lines.listing(db, page.rows)
    return render(
        "customers/index.html",
        page=page,
        rows=rows,
        filters=filters,
        applied=_applied(db, filters),
        kinds=[("", _("All")), *((code, _(text)) for code, text in codes.KINDS.items())],
        places=[("", _("All")), *((place.id, "\u3000" * place.depth + place.name) for place in places)],
        entities=[("", _("All")), *((entity, entity) for entity in entities)] if len(entities) > 1 else [],
        deliveries=deliveries,
    )


def _filters() -> Filters:
    org = request.args.get("org", "")
    kind = request.args.get("kind", "")
    return Filters(
        query=searched(),
        kind=kind if kind in codes.KINDS else "",
        org_id=int(org) if org.isascii() and org.isdigit() and len(org) < 10 else None,
        legal_entity=request.args.get("entity", "")[:20],
    )


def _applied(db: Session, filters: Filters) -> list[tuple[str, str]]:
    """The filters in force as ``(text, address without it)``."""
    chips: list[tuple[str, str]] = []
    if filters.query:
        chips.append((_("Keyword: %(value)s", value=filters.query), _without("q")))
    if filters.kind:
        chips.append((_("Kind: %(value)s", value=_(codes.KINDS[filters.kind])), _without("kind")))
    if filters.org_id is not None:
        name = orgs.names(db, [filters.org_id]).get(filters.org_id, str(filters.org_id))
        chips.append((_("Organisation: %(value)s", value=name), _without("org")))
    if filters.legal_entity:
        chips.append((_("Legal entity: %(value)s", value=filters.legal_entity), _without("entity")))
    return chips


def _without(name: str) -> str:
    kept = {k: v for k, v in request.args.items() if k not in {name, "cursor"} and v}
    return link("customers.index", **kept)
