"""Menu of customers."""

from __future__ import annotations

from core.sdk.hooks import MenuItem

MENUS = (
    MenuItem("customers", "Customers", "customers.index", icon="users", weight=20),
    MenuItem("customers.list", "Customer list", "customers.index", icon="list", parent="customers", weight=10),
)
