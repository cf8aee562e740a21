"""Menu of system."""

from __future__ import annotations

from core.sdk.hooks import MenuItem

MENUS = (
    MenuItem("system", "System", "system.modules", icon="settings", weight=90),
    MenuItem("system.modules", "Modules", "system.modules", icon="puzzle", parent="system", weight=10),
)
