"""Identifiers at rest: encrypted with SM4-GCM, found again by keyed indexes.

Keys are files of the instance: ``data-N`` encrypts, ``index-N`` indexes. The highest N writes; every N still there
reads, so keys rotate without an outage. Each use derives its own key, so one purpose says nothing about another.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Flask, current_app, has_app_context
from sqlalchemy import Dialect, Text, TypeDecorator

from core.config import key_file

EXTENSION = "crm.keys"
NONCE = 12
TAG = 16
INDEX_DIGITS = 48
"""Hex digits of an index: 192 bits, so that version and digits fit into String(64)."""


class SecretError(Exception):
    """A value cannot be decrypted: its key is missing, or it was tampered with. Never names the value."""


@dataclass(frozen=True)
class Keys:
    """Master keys by version. Not shown in ``repr``."""

    data: dict[int, bytes] = field(repr=False)
    index: dict[int, bytes] = field(repr=False)

    @classmethod
    def load(cls, instance: Path) -> Keys:
        """The keys of an instance; the first of each kind is made when there is none."""
        return cls(_versions(instance, "data"), _versions(instance, "index"))


def _versions(instance: Path, kind: str) -> dict[int, bytes]:
    key_file(instance, f"{kind}-1")
    numbers = [p.name.removeprefix(f"{kind}-") for p in (instance / "keys").glob(f"{kind}-*")]
    return {int(n): bytes.fromhex(key_file(instance, f"{kind}-{n}")) for n in numbers if n.isdecimal()}


_process_keys: Keys | None = None


def init_app(app: Flask) -> None:
    """Load the keys of the app's instance, for the app and for code of this process that runs outside it."""
    global _process_keys
    _process_keys = app.extensions[EXTENSION] = Keys.load(app.config["CRM"].instance)


def _keys() -> Keys:
    found: Keys | None = current_app.extensions.get(EXTENSION) if has_app_context() else None
    found = found or _process_keys
    if found is None:
        raise SecretError("no data keys: core.db.secrets.init_app has not run")
    return found


@lru_cache(maxsize=256)
def _derive(master: bytes, length: int, purpose: str) -> bytes:
    # Kept: a list of customers would otherwise derive the same key a hundred times. The masters stay in memory anyway.
    return HKDF(hashes.SHA256(), length, salt=None, info=purpose.encode()).derive(master)


def encrypt(value: str, purpose: str = "") -> str:
    """``value`` as ``N:base64``, N being the version of the key. Differs at each call."""
    keys = _keys().data
    version = max(keys)
    nonce = os.urandom(NONCE)
    sealer = Cipher(algorithms.SM4(_derive(keys[version], 16, f"data:{purpose}")), modes.GCM(nonce)).encryptor()
    sealed = sealer.update(value.encode()) + sealer.finalize()
    return f"{version}:{base64.b64encode(nonce + sealed + sealer.tag).decode('ascii')}"


def decrypt(stored: str, purpose: str = "") -> str:
    """What :func:`encrypt` was given.

    Raises:
        SecretError: the key of that version is missing, or the stored text was changed.
    """
    version, _, text = stored.partition(":")
    try:
        key = _derive(_keys().data[int(version)], 16, f"data:{purpose}")
        raw = base64.b64decode(text, validate=True)
        opener = Cipher(algorithms.SM4(key), modes.GCM(raw[:NONCE], raw[-TAG:])).decryptor()
        return (opener.update(raw[NONCE:-TAG]) + opener.finalize()).decode()
    except (KeyError, ValueError, InvalidTag):
        raise SecretError("a stored value cannot be decrypted") from None


def keyed_index(value: str, purpose: str, version: int | None = None) -> str:
    """What to store beside an encrypted value so that it can be found by equality: HMAC-SM3, at most 64 characters.

    Args:
        value: normalised by the caller; equal values give equal indexes.
        purpose: such as ``customers.cert`` or ``customers.cert_last4``; one value under two purposes gives unrelated
            indexes.
        version: of the key; the newest by default.
    """
    keys = _keys().index
    number = max(keys) if version is None else version
    mac = hmac.HMAC(_derive(keys[number], 32, f"index:{purpose}"), hashes.SM3())
    mac.update(value.encode())
    return f"{number}:{mac.finalize().hex()[:INDEX_DIGITS]}"


class Encrypted(TypeDecorator[str]):
    """Text that the database only sees encrypted. Not comparable and not sortable; see :func:`keyed_index`."""

    impl = Text
    cache_ok = True

    def __init__(self, purpose: str = "") -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Plain text to what is stored."""
        return None if value is None else encrypt(value, self.purpose)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """What is stored to plain text."""
        return None if value is None else decrypt(value, self.purpose)

    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        """As a literal in SQL: encrypted too, since statements are logged."""
        return "" if value is None else encrypt(value, self.purpose)
