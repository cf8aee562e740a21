"""What of the host needs a second person: the kinds of requests, known to the approvals from the start."""

from __future__ import annotations

from core import permissions
from core.approvals import service as approvals
from core.contract import Action

PURGE = "plugin.purge"
APPROVE = Action(
    "core.purge.approve",
    "Approve that a module is removed with all its data",
    "Another person asked for it; a backup is written first",
    business_data=False,
    kind="security",
)


def register() -> None:
    """Make them known. A purge is carried out by :func:`core.host.purge.carry_out`, after the decision."""
    permissions.declare(APPROVE)
    approvals.register(PURGE, "Purge a module with all its data", None)
