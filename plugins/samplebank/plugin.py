"""Hooks of the sample bank."""

from __future__ import annotations

from core.sdk.hooks import Command, hookimpl


@hookimpl
def crm_cli() -> list[Command]:
    """``crm sample``."""
    from plugins.samplebank.cli import sample

    return [Command(sample)]
