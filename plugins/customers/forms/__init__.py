"""What people type about customers."""

from __future__ import annotations

from wtforms import HiddenField, StringField, TextAreaField
from wtforms.validators import Length, Regexp

from core.sdk.web import Form, NoIdentifiers, translator

_ = translator("customers")


class PartyForm(Form):
    """The fields the CRM keeps itself. ``version`` is what the person saw when they began."""

    short_name = StringField(
        _.lazy("Short name"),
        [Length(max=40), Regexp(r"^[^<>]*$", message=_.lazy("Angle brackets are not allowed.")), NoIdentifiers()],
        description=_.lazy("How colleagues call this customer; found by search. At most 40 characters."),
    )
    remark = TextAreaField(
        _.lazy("Remark"),
        [Length(max=500), NoIdentifiers()],
        description=_.lazy("At most 500 characters. No document, phone, card or account numbers."),
        render_kw={"rows": 5},
    )
    version = HiddenField()
