"""Names of countries and regions."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale
from babel.core import get_global
from flask_babel import get_locale


def country(code: str | None) -> str | None:
    """The name, in the reader's language, of a country by its code of ISO 3166: ``CHN``, ``CN`` or ``156``.

    Anything else, such as a name the source wrote itself, comes back as it is, so that nothing is hidden.
    """
    if not code:
        return None
    locale = get_locale() or Locale("en")
    return str(locale.territories.get(_two_letters(code.strip().upper()), code))


@lru_cache(maxsize=1_024)
def _two_letters(code: str) -> str:
    """Two letters of any code of ISO 3166; CLDR keeps the others as aliases of them."""
    found = get_global("territory_aliases").get(code)
    return str(found[0]) if found and len(found) == 1 else code
