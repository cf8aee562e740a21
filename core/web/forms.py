"""Forms: FlaskForm with the product's languages."""

from __future__ import annotations

from typing import Any

from flask import abort, has_request_context, request
from flask_wtf.form import FlaskForm as _FlaskForm
from wtforms import Field, ValidationError
from wtforms.i18n import get_translations

from core.auth import drafts
from core.auth.forms import TextForm
from core.i18n import CORE, catalogue, current, translator
from core.monitoring.identifiers import found_in

_ = translator(CORE)

VERSION = "version"
"""Name of the field that carries the version a form was opened with."""
KEEP = "keep."
"""Before a field's name: whose value the conflict page was told to keep, ``mine`` or ``theirs``."""


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


class Form(TextForm):
    """Base of all forms: CSRF protected, control characters refused, validators answer in the user's language.

    A view of a ``Versioned`` record passes it as ``obj``, which the conflict page counts on. One that gets a form back
    with errors renders the same template with ``status=422``; htmx swaps it in place::

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

    def process(self, formdata: Any = None, obj: Any = None, data: Any = None, *args: Any, **kwargs: Any) -> None:
        """Fill the fields; one for which the conflict page was told to keep theirs gets what ``obj`` holds."""
        super().process(formdata, obj, data, *args, **kwargs)
        for name, field in self._fields.items():
            if has_request_context() and request.form.get(KEEP + name) == "theirs":
                if not hasattr(obj, name):
                    abort(400)  # made by hand: no conflict page offers it; and never is mine saved in place of theirs
                field.process(None, getattr(obj, name))
                field.raw_data = [field.data or ""]

    @property
    def status(self) -> int:
        """422 when this request sent the form and it was refused, else 200."""
        return 422 if request.method == "POST" and self.errors else 200


class NoIdentifiers:
    """Validator of free text that is shown as it is: numbers of documents, phones, cards and accounts, and mail
    addresses, have fields of their own, where they are encrypted and masked."""

    def __call__(self, form: Any, field: Field) -> None:
        """Raises ValidationError, which says where the number begins and ends without repeating it."""
        told = identifying(field.data or "")
        if told:
            raise ValidationError(told)


def identifying(typed: str) -> str:
    """What to tell somebody whose free text holds an identifier; "" when it holds none."""
    found = found_in(typed)
    if found is None:
        return ""
    text = _(
        "“%(found)s” looks like the number of a document, phone, card or account, or a mail address. "
        "This field is shown to everyone unmasked: take it out, then save again. The rest of your text is kept."
    )
    return text % {"found": f"{found[:3]}…{found[-2:]}"}
