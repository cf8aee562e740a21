"""Why somebody can see a customer: the roles, scopes and places that decided."""

from __future__ import annotations

from flask import Response

from core.sdk.security import explain
from core.sdk.web import current_user, render, requires, translator
from plugins.customers.permissions import ACTIONS, VIEW
from plugins.customers.views import bp
from plugins.customers.views.profile import head, party_or_404

_ = translator("customers")


@bp.get("/<party_id>/why")
@requires(VIEW)
def why(party_id: str) -> Response:
    """Each thing one may do with this customer, and what allows or refuses it."""
    party = party_or_404(party_id)
    found = explain(int(current_user.id), "customers.party", party.id)
    labels = {action.name: _(action.label) for action in ACTIONS}
    grounds = [_readable(line, labels) for line in found]
    return render("customers/why.html", grounds=grounds, **head(party, "why"))


def _readable(line: str, labels: dict[str, str]) -> str:
    """The core names actions by their code; people know them by their label."""
    for name, label in labels.items():
        line = line.replace(name, label)
    return line
