"""Who may do what, and on which rows."""

from __future__ import annotations

from core.permissions.decisions import (
    Verdict,
    actions,
    decide,
    declare,
    declared,
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
from core.permissions.why import Explanation, Ground, barred, explain, grantors, speaks_for

__all__ = [
    "Denied",
    "Explanation",
    "Grant",
    "GrantOrganisation",
    "GrantSpec",
    "Ground",
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
    "barred",
    "can",
    "decide",
    "declare",
    "declared",
    "ensure_role",
    "enter",
    "explain",
    "grantors",
    "init_app",
    "public",
    "reach_of",
    "remove_grant",
    "requires",
    "revoke",
    "signed_in",
    "speaks_for",
    "unscoped",
]
