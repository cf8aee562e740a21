"""What every form refuses, and the forms of sign-in and password change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import FieldList, FormField, PasswordField, StringField, TextAreaField
from wtforms.validators import EqualTo, InputRequired, Length

from core.auth.passwords import LONGEST, Weakness
from core.db import text


class TextForm(FlaskForm):  # type: ignore[misc]
    """Base of every form: text that no database can store, or that misleads its reader, is refused at its field."""

    def validate(self, extra_validators: Any = None) -> bool:
        """WTForms' own checks, then the characters of every text. What was typed stays in the form."""
        sound = bool(super().validate(extra_validators))
        # After, and not as one more validator: those before it may end the chain, as ``Optional`` does on "\\x1c".
        return _texts_are_sound(self) and sound


def _texts_are_sound(fields: Iterable[Any]) -> bool:
    found = [_is_sound(field) for field in fields]  # each is told what is wrong with it, not only the first
    return all(found)


def _is_sound(field: Any) -> bool:
    if isinstance(field, FormField | FieldList):
        return _texts_are_sound(field)
    wrong = unstorable(field.data, lines=isinstance(field, TextAreaField)) if _is_text(field) else ""
    if wrong:
        field.errors = list(dict.fromkeys([*field.errors, wrong]))  # a form inside a form has said so already
    return not wrong


def unstorable(typed: str, *, lines: bool = False) -> str:
    """What to tell somebody whose text holds a control character; "" when it holds none."""
    found = text.flaw(typed, lines=lines)
    if found is None:
        return ""
    told: str = _(
        "Character %(position)d (%(code)s) is a control character, which cannot be stored. Delete it.",
        position=found.position,
        code=found.code,
    )
    return told


def _is_text(field: Any) -> bool:
    return isinstance(field, StringField) and isinstance(field.data, str)


class SignInForm(TextForm):
    """User name and password. Says nothing about either beyond that it is missing."""

    username = StringField(
        lazy_gettext("User name (employee number)"),
        [InputRequired(lazy_gettext("Please enter your user name.")), Length(max=64)],
        render_kw={"autocomplete": "username", "autofocus": True, "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        lazy_gettext("Password"),
        [InputRequired(lazy_gettext("Please enter your password.")), Length(max=LONGEST * 2)],
        render_kw={"autocomplete": "current-password"},
    )


class PasswordForm(TextForm):
    """A new password for oneself."""

    current = PasswordField(
        lazy_gettext("Current password"),
        [InputRequired(lazy_gettext("Please enter your current password.")), Length(max=LONGEST * 2)],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        lazy_gettext("New password"),
        [InputRequired(lazy_gettext("Please enter a new password.")), Length(max=LONGEST * 2)],
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        lazy_gettext("New password again"),
        [
            InputRequired(lazy_gettext("Please enter the new password again.")),
            EqualTo("new", lazy_gettext("The two new passwords differ.")),
        ],
        render_kw={"autocomplete": "new-password"},
    )


def explain(weakness: Weakness) -> str:
    """A weakness in words."""
    words: dict[str, str] = {
        "short": _("Use at least %(limit)d characters.", limit=weakness.limit),
        "long": _("Use at most %(limit)d characters.", limit=weakness.limit),
        "classes": _(
            "Use at least %(limit)d of: lower-case letters, capital letters, digits, other characters.",
            limit=weakness.limit,
        ),
        "username": _("The password must not contain your user name."),
        "common": _("This password is too common."),
    }
    return words[weakness.flaw]
