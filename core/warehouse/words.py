"""What the intake says to the people of the bank.

A reason is written once, kept with the load and read later by several people, so it is told in the product's own
language and not in that of whoever runs the batch.
"""

from __future__ import annotations

from typing import Any

from core.i18n import CORE, DEFAULT, catalogue


def _(text: str, **values: Any) -> str:
    """The text in the product's language, with its ``%(name)s`` filled in."""
    return str(catalogue(CORE, DEFAULT).gettext(text)) % values
