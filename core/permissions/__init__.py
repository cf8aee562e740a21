"""Who may do what, and on which rows."""

from __future__ import annotations

from core.permissions.decisions import (
    Verdict,
    actions,
    decide,
    declare,
    declared,
    explain,
    holders_hint,
    reach_of,
)
from core.permissions.models import Grant, GrantOrganisation, Kind, Role, Scope, UserRole
from core.permissions.roles import GrantSpec, RoleConflict, add_grant, assign, ensure_role, remove_grant, revoke
from core.permissions.routes import (
    Denied,
    acting,
    can,
    enter,
    init_app,
    public,
    requires,
    signed_in,
    unscoped,
)

__all__ = [
    "Denied",
    "Grant",
    "GrantOrganisation",
    "GrantSpec",
    "Kind",
    "Role",
    "RoleConflict",
    "Scope",
    "UserRole",
    "Verdict",
    "acting",
    "actions",
    "add_grant",
    "assign",
    "can",
    "decide",
    "declare",
    "declared",
    "ensure_role",
    "enter",
    "explain",
    "holders_hint",
    "init_app",
    "public",
    "reach_of",
    "remove_grant",
    "requires",
    "revoke",
    "signed_in",
    "unscoped",
]
