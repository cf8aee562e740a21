"""Forms: FlaskForm with the product's languages."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_wtf import FlaskForm
from flask_wtf.form import FlaskForm as _FlaskForm
from wtforms.i18n import get_translations

from core.auth import drafts
from core.i18n import CORE, catalogue, current


class _Words:
    """Messages of validators: the core's catalogue first, then the one WTForms brings."""

    def gettext(self, string: str) -> str:
        """One message."""
        own: str = catalogue(CORE, current()).gettext(string)
        return own if own != string or current() == "en" else str(self._builtin().gettext(string))

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        """A message that depends on a number."""
        own: str = catalogue(CORE, current()).ngettext(singular, plural, n)
        if current() == "en" or own not in (singular, plural):
            return own
        return str(self._builtin().ngettext(singular, plural, n))

    @staticmethod
    def _builtin() -> Any:
        return get_translations(["zh"] if current() == "zh_CN" else ["en"])


class Form(FlaskForm):  # type: ignore[misc]
    """Base of all forms: CSRF protected, validators answer in the user's language.

    A view that gets a form back with errors renders the same template with ``status=422``; htmx swaps it in place::

        form = VisitForm()
        if form.validate_on_submit():
            …
        return render("visits/edit.html", form=form, status=form.status)
    """

    class Meta(_FlaskForm.Meta):  # type: ignore[misc]
        """Where the words come from."""

        def get_translations(self, form: Any) -> Any:
            """The product's words, not those WTForms would pick by its own locale setting."""
            return _Words()

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """What was sent; for a form just opened, what its user had typed there when their session ended."""
            sent = super().wrap_formdata(form, formdata)
            return drafts.for_form(form._fields) if sent is None and formdata is not None else sent

    @property
    def status(self) -> int:
        """422 when this request sent the form and it was refused, else 200."""
        return 422 if request.method == "POST" and self.errors else 200
