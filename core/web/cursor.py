"""The place in a list, as it stands in an address: sealed, so that neither names nor keys are readable in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_UNPACK: dict[str, Callable[[str], Any]] = {
    "d": Decimal,
    "m": datetime.fromisoformat,
    "t": date.fromisoformat,
    "u": UUID,
}


class BadCursor(ValueError):
    """Not sealed by this installation, or made for another list. The list then starts at the beginning."""


def seal(secret: str, purpose: str, values: list[Any]) -> str:
    """``values`` encrypted and signed; ``purpose`` must be the same when it is opened."""
    nonce = os.urandom(_NONCE)
    plain = json.dumps([_pack(v) for v in values], separators=(",", ":")).encode()
    sealed = nonce + AESGCM(_key(secret)).encrypt(nonce, plain, purpose.encode())
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def unseal(secret: str, purpose: str, text: str) -> list[Any]:
    """What :func:`seal` put in. Raises ``BadCursor``."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        plain = AESGCM(_key(secret)).decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
        return [_unpack(v) for v in json.loads(plain)]
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise BadCursor("not a cursor of this list") from error


def _key(secret: str) -> bytes:
    return hashlib.sha256(b"crm.keyset\0" + secret.encode()).digest()


def _pack(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str | float):
        return value
    if isinstance(value, Decimal):
        return {"d": str(value)}
    if isinstance(value, datetime):
        return {"m": value.isoformat()}
    if isinstance(value, date):
        return {"t": value.isoformat()}
    if isinstance(value, UUID):
        return {"u": str(value)}
    raise TypeError(f"a list cannot be paged by a {type(value).__name__}")


def _unpack(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _UNPACK[kind](text)
