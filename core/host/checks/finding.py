"""One breach of one rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """``code`` names the rule, ``message`` says what is wrong and how to mend it.

    ``where`` is ``file`` or ``file:line`` within the plugin's folder.
    """

    code: str
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.code} {self.where}: {self.message}"
