"""What roles can grant in system. None of it shows business data, so the administrators may hold it."""

from __future__ import annotations

from core.sdk.hooks import Action

VIEW = "system.modules.view"
SWITCH = "system.modules.switch"

ACTIONS = (
    Action(VIEW, "View modules", "Which modules there are, their state and why.", business_data=False),
    Action(
        SWITCH,
        "Switch modules on and off",
        "Each switch asks for a reason and is recorded.",
        business_data=False,
        kind="system",
    ),
)
