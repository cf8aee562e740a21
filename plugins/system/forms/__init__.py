"""What people type in system."""

from __future__ import annotations

from wtforms import StringField
from wtforms.validators import InputRequired, Length

from core.sdk.security import SHORTEST_REASON
from core.sdk.web import Form, NoIdentifiers, translator

_ = translator("system")


class SwitchForm(Form):
    """Why a module is switched. Kept for ever, so a word or two is not enough."""

    reason = StringField(
        _.lazy("Reason"),
        [
            InputRequired(message=_.lazy("Please give a reason.")),
            Length(min=SHORTEST_REASON, max=200, message=_.lazy("A reason has 4 to 200 characters.")),
            NoIdentifiers(),
        ],
        description=_.lazy("At least 4 characters. Recorded with your name; others read it on this page."),
    )
