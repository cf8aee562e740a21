"""Upgrade, downgrade and examine the schema of one owner: ``"core"`` or the name of a plugin.

Each owner has its own files, version table and transaction; nobody's change touches another's. Which owners there are,
and in which order, the plugin graph says (no ``depends_on`` in migration files).
"""

from __future__ import annotations

from core.host.schema.author import revision
from core.host.schema.change import downgrade, upgrade
from core.host.schema.drift import drift
from core.host.schema.ownership import Reference
from core.host.schema.plan import SchemaPlan, Touched, plan
from core.host.schema.state import (
    MigrationError,
    SchemaNewer,
    SchemaState,
    StillReferenced,
    pending,
    state,
)

__all__ = [
    "MigrationError",
    "Reference",
    "SchemaNewer",
    "SchemaPlan",
    "SchemaState",
    "StillReferenced",
    "Touched",
    "downgrade",
    "drift",
    "pending",
    "plan",
    "revision",
    "state",
    "upgrade",
]
