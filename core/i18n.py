"""Words on the screen: English message ids, one gettext domain for the core and one for each plugin.

The catalogue of domain ``customers`` is ``plugins/customers/translations/zh_CN/LC_MESSAGES/customers.po``, the core's
is ``translations/zh_CN/LC_MESSAGES/core.po``. What a plugin's catalogue lacks is looked up in the core's. English needs
no catalogue. In a template the first segment of its own name picks the domain, also inside a block of another template.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from babel import Locale
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Domain, get_locale
from flask_babel.speaklater import LazyString
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from markupsafe import escape

from core.config import ROOT
from core.extensions import babel

CORE = "core"
DEFAULT = "zh_CN"
LANGUAGES = {"zh_CN": "中文", "en": "English"}
COOKIE = "crm_language"

CORE_TEMPLATES = frozenset({"ui", "core", "errors", "auth", "emails"})
"""First segments of template names that belong to the core."""


def N_(text: str) -> str:
    """Mark a message id that is translated later, where it is shown."""
    return text


def folder(domain: str) -> Path | None:
    """Where the catalogues of a domain are kept, or None when no such plugin is installed."""
    if domain == CORE:
        return ROOT / "translations"
    for module in (*_distributed(domain), f"plugins.{domain}"):
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            continue
        if spec is not None and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0]) / "translations"
    return None


def _distributed(name: str) -> Iterator[str]:
    for point in entry_points(group="crm.plugins", name=name):
        yield point.module


@lru_cache(maxsize=256)
def catalogue(domain: str, locale: str) -> NullTranslations:
    """The catalogue of one domain, falling back to the core's; an empty one for English and for unknown plugins."""
    own = _load(domain, locale)
    if domain != CORE:
        own.add_fallback(catalogue(CORE, locale))
    return own


def forget() -> None:
    """Read the catalogues again when they are next needed (a plugin has been installed or renewed)."""
    catalogue.cache_clear()


def _load(domain: str, locale: str) -> NullTranslations:
    base = folder(domain)
    if base is None:
        return NullTranslations()
    po = base / locale / "LC_MESSAGES" / f"{domain}.po"
    mo = po.with_suffix(".mo")
    if mo.exists() and (not po.exists() or mo.stat().st_mtime >= po.stat().st_mtime):
        with mo.open("rb") as handle:
            return Translations(handle, domain)
    if not po.exists():
        return NullTranslations()
    # Not compiled, or older than its source: reading the source is slower, and right.
    with po.open("rb") as handle:
        parsed = read_po(handle, locale=locale, domain=domain)
    compiled = BytesIO()
    write_mo(compiled, parsed)
    compiled.seek(0)
    return Translations(compiled, domain)


def current() -> str:
    """Language of this request, as ``zh_CN`` or ``en``. Outside a request: English, for logs and the command line."""
    try:
        locale = g._flask_babel.babel_locale  # where flask-babel keeps it; a page asks a hundred times
    except (AttributeError, RuntimeError):
        locale = get_locale()
    return "en" if locale is None or locale.language != "zh" else "zh_CN"


def _select() -> Locale:
    if not has_request_context():
        return _locale("en")
    wanted = request.cookies.get(COOKIE, DEFAULT)
    return _locale(wanted if wanted in LANGUAGES else DEFAULT)


@lru_cache(maxsize=len(LANGUAGES))
def _locale(code: str) -> Locale:
    # Parsed once: given a code, flask-babel goes through all locales' names anew for each request.
    return Locale.parse(code)


class Translator:
    """Translates in one domain: ``_ = translator("customers")``, then ``_("Found %(count)s", count=3)``."""

    __slots__ = ("domain",)

    def __init__(self, domain: str) -> None:
        self.domain = domain

    def __call__(self, text: str, **values: Any) -> str:
        """The text in the language of the request, with its ``%(name)s`` filled in."""
        found: str = catalogue(self.domain, current()).gettext(text) if text else ""
        return found % values if values else found

    def lazy(self, text: str, **values: Any) -> LazyString:
        """The same, looked up only when it is shown: for labels of form classes."""
        return LazyString(self, text, **values)

    def ngettext(self, singular: str, plural: str, number: int, **values: Any) -> str:
        """Singular or plural by ``number``, which is also available as ``%(num)s``."""
        found = str(catalogue(self.domain, current()).ngettext(singular, plural, number))
        return found % {"num": number, **values}

    def pgettext(self, context: str, text: str, **values: Any) -> str:
        """For one English word that is two in Chinese: the context tells them apart."""
        found = str(catalogue(self.domain, current()).pgettext(context, text))
        return found % values if values else found


@lru_cache(maxsize=256)
def translator(domain: str) -> Translator:
    """The translator of a plugin, or of ``core``."""
    return Translator(domain)


def label(domain: str | None, text: str) -> str:
    """A label some plugin registered, in the language of the request."""
    return translator(domain or CORE)(text)


# -- templates ---------------------------------------------------------------------------------------------------------


def listed(names: Iterable[str], style: Literal["standard", "or"] = "standard") -> str:
    """Names as the reader's language lists them: ``甲、乙和丙``, ``甲或乙``; ``A, B, and C``, ``A or B``."""
    return str(format_list(list(names), style=style, locale=_locale(current())))


def domain_of(template: str | None) -> str:
    """Domain of a template by its name: ``customers/list.html`` and ``core:customers/list.html`` → ``customers``."""
    first = (template or "").rpartition(":")[2].partition("/")[0]
    return CORE if not first or "." in first or first in CORE_TEMPLATES else first


class TemplateDomains(Extension):
    """Writes the template's own domain into each ``_(…)`` of its source.

    A look-up by the rendering context would be wrong: with ``extends`` and ``include`` the context is the outermost
    template's, so the shell's words would be looked for in the page's plugin.
    """

    calls = frozenset({"_", "gettext", "ngettext", "pgettext"})

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """Insert the domain as the first argument of each translating call."""
        domain = domain_of(stream.name)
        previous = ""
        for token in stream:
            yield token
            translates = token.type == "name" and token.value in self.calls and previous not in {"dot", "pipe"}
            previous = token.type
            if translates and stream.current.type == "lparen":
                yield next(stream)
                yield Token(token.lineno, "string", domain)
                if stream.current.type != "rparen":
                    yield Token(token.lineno, "comma", ",")
                previous = "lparen"


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return escape(text) % values if values else text


def _gettext(domain: str, text: str, **values: Any) -> str:
    return _fill(catalogue(domain, current()).gettext(text) if text else "", values)


def _ngettext(domain: str, singular: str, plural: str, number: int, **values: Any) -> str:
    return _fill(catalogue(domain, current()).ngettext(singular, plural, number), {"num": number, **values})


def _pgettext(domain: str, context: str, text: str, **values: Any) -> str:
    return _fill(str(catalogue(domain, current()).pgettext(context, text)), values)


class _CoreDomain(Domain):  # type: ignore[misc]
    """``flask_babel.gettext`` in core code means the core's catalogue, compiled or not."""

    def get_translations(self) -> NullTranslations:
        """The core's catalogue in the language of the request."""
        return catalogue(CORE, current())


def init_app(app: Flask) -> None:
    """Set languages up: the locale of a request, the core's domain, and the words of templates."""
    config = app.config.get("CRM")
    babel.init_app(
        app,
        default_locale=DEFAULT,
        default_domain=CORE,
        default_timezone=config.timezone if config else "Asia/Shanghai",
        locale_selector=_select,
    )
    babel.domain_instance = _CoreDomain()
    app.jinja_env.add_extension(TemplateDomains)
    app.jinja_env.globals.update(
        {
            "_": _gettext,
            "gettext": _gettext,
            "ngettext": _ngettext,
            "pgettext": _pgettext,
            "label": label,
            "language": current,
            "listed": listed,
            "languages": LANGUAGES,
        }
    )


__all__ = [
    "CORE",
    "DEFAULT",
    "LANGUAGES",
    "N_",
    "Translator",
    "catalogue",
    "current",
    "domain_of",
    "folder",
    "forget",
    "init_app",
    "label",
    "listed",
    "translator",
]
