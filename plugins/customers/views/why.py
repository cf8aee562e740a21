"""Why somebody can see a customer: the roles, scopes and places that decided."""

from __future__ import annotations

from flask import Response

from core.sdk.security import explain
from core.sdk.web import current_user, render, requires
from plugins.customers.permissions import VIEW
from plugins.customers.views import bp
from plugins.customers.views.profile import head, party_or_404


@bp.get("/<party_id>/why")
@requires(VIEW)
def why(party_id: str) -> Response:
    """Each thing one may do with this customer, and what allows or refuses it."""
    party = party_or_404(party_id)
    every = explain(int(current_user.id), "customers.party", party.id)
    found = sorted(every, key=lambda one: one.action != VIEW)  # first what the page's title asks
    return render("customers/why.html", found=found, **head(party, "why"))
