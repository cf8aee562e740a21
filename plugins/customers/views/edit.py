"""Changing what the CRM itself keeps of a customer."""

from __future__ import annotations

import re

from flask import Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from core.sdk.models import check_version
from core.sdk.security import audit, write
from core.sdk.web import abort_with, link, render, requires, toast, translator
from plugins.customers.forms import PartyForm
from plugins.customers.models import Party
from plugins.customers.permissions import EDIT
from plugins.customers.services import parties
from plugins.customers.views import bp
from plugins.customers.views.profile import head, party_or_404

_ = translator("customers")


@bp.route("/<party_id>/edit", methods=["GET", "POST"])
@requires(EDIT)
def edit(party_id: str) -> AnyResponse:
    """The form; a second person's save in between gives the conflict page, bad entries give 422."""
    party = party_or_404(party_id)
    form = PartyForm(obj=party)
    if form.validate_on_submit():
        return _save(party_id, form)
    return _form(party, form)


def _form(party: Party, form: PartyForm) -> Response:
    page = head(party, "edit")
    return render("customers/edit.html", form=form, status=form.status, **page)


def _save(party_id: str, form: PartyForm) -> AnyResponse:
    with write() as session:
        party = parties.by_number(session, party_id)
        if party is None:
            abort_with(404, _("There is no customer of this number, or it is not among those you may see."))
        seen = str(form.version.data or "")
        mine = {"short_name": form.short_name.data, "remark": form.remark.data}
        check_version(party, int(seen) if re.fullmatch(r"[0-9]{1,18}", seen) else 0, mine=mine)
        changed = parties.edit(session, party, mine)
        if changed:
            detail = {field: {"before": before, "after": after} for field, (before, after) in changed.items()}
            audit(session, "customers.party.edit", subject="customers.party", key=party_id, detail=detail)
    toast(_("Saved.") if changed else _("Nothing was changed."))
    return redirect(link("customers.show", party_id=party_id))
