"""The parameters of sign-in."""

from __future__ import annotations

from datetime import timedelta

from core import parameters
from core.contract.types import Parameter

PARAMETERS = (
    Parameter("auth.idle_minutes", "Minutes without activity until a session ends", "int", 15, 1, 120),
    Parameter("auth.absolute_hours", "Hours after which a session ends in any case", "int", 12, 1, 24),
    Parameter("auth.lock_failures", "Failed sign-ins until an account is locked for one address", "int", 5, 3, 10),
    Parameter("auth.account_failures", "Failed sign-ins until an account is locked for all", "int", 30, 15, 200),
    Parameter("auth.lock_minutes", "Minutes an account or address stays locked", "int", 15, 1, 1440),
    Parameter("auth.address_failures", "Failed sign-ins until an address is locked", "int", 50, 10, 1000),
    Parameter("auth.password_min_length", "Shortest password", "int", 8, 8, 64),
    Parameter("auth.password_classes", "Kinds of characters a password needs", "int", 3, 1, 4),
    Parameter("auth.draft_hours", "Hours a half-filled form is kept", "int", 24, 1, 72),
)

parameters.declare(*PARAMETERS)


def idle() -> timedelta:
    """How long a session lives without activity."""
    return timedelta(minutes=parameters.get("auth.idle_minutes"))


def absolute() -> timedelta:
    """How long a session lives at most."""
    return timedelta(hours=parameters.get("auth.absolute_hours"))


def lock() -> timedelta:
    """How long failures are counted, and how long a lock holds."""
    return timedelta(minutes=parameters.get("auth.lock_minutes"))


def draft_life() -> timedelta:
    """How long a half-filled form is kept."""
    return timedelta(hours=parameters.get("auth.draft_hours"))
