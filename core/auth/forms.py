"""The forms of sign-in and password change."""

from __future__ import annotations

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from core.auth.passwords import LONGEST, Weakness


class SignInForm(FlaskForm):  # type: ignore[misc]
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


class PasswordForm(FlaskForm):  # type: ignore[misc]
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
