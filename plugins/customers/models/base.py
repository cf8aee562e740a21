"""What all tables of customers share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import String

from core.sdk.models import plugin_base

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase

    class Base(DeclarativeBase):
        """Base of the models of customers."""

else:
    Base = plugin_base("customers")


def sortable(length: int) -> String:
    """Text ordered by code point on both databases, so that pages and prefixes mean the same and use the index."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")
