"""Why somebody may or may not do something, and whom to ask: facts, which pages put into sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask_babel import gettext as _
from sqlalchemy import select

from core.contract.protocols import runtime
from core.db.session import Access
from core.i18n import CORE, label, listed
from core.orgs.models import Organisation
from core.permissions.decisions import Verdict, core_actions, decide, declared, held_by, in_reach, reading
from core.permissions.models import Effect, Kind, Role, Scope
from core.permissions.reach import HeldGrant, reach


@dataclass(frozen=True, slots=True)
class Ground:
    """What one grant the user holds says about one thing."""

    role: str
    """Label of the role."""
    allows: bool
    """False for a denial."""
    scope: str
    """How far the grant reaches, in the reader's language."""
    places: tuple[str, ...]
    """Names of the organisations it reaches from; empty for one's own rows and the whole bank."""
    inside: bool
    """True when the thing lies in that reach."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One action on one thing: whether it is allowed, and everything that was weighed."""

    action: str
    """Name, such as ``customers.party.view``."""
    title: str
    """What the action is called, in the reader's language."""
    verdict: Verdict
    grounds: tuple[Ground, ...]


def explain(user_id: int, subject: str, key: str | int) -> list[Explanation]:
    """Why the user can, or cannot, do each thing there is to do with ``key``; in the registry's order."""
    known = [(CORE, action) for action in core_actions()] + list(runtime().registry.of("crm_permissions"))
    return [
        Explanation(
            action.name,
            label(owner, action.label),
            decide(user_id, action.name, subject, key),
            tuple(_ground(user_id, grant, action.name, subject, key) for grant in held_by(user_id).on(action.name)),
        )
        for owner, action in known
        if action.name.startswith(f"{subject}.")
    ]


def _ground(user_id: int, grant: HeldGrant, action: str, subject: str, key: str | int) -> Ground:
    area = reach([replace(grant, effect=Effect.ALLOW.value)])  # of a denial: what it takes away
    inside = in_reach(Access(user_id, action, area), subject, key)
    return Ground(grant.role_label, grant.allows, _scope_label(grant.scope), _places(grant), inside)


def _places(grant: HeldGrant) -> tuple[str, ...]:
    area = grant.area
    if area is None or area.everywhere:
        return ()
    with reading() as session:
        names = select(Organisation.name).where(Organisation.id.in_(sorted(area.orgs))).order_by(Organisation.path)
        return tuple(session.scalars(names))


def _scope_label(scope: str) -> str:
    labels = {
        Scope.OWN: _("own rows"),
        Scope.BRANCH: _("own branch"),
        Scope.BRANCH_BELOW: _("own branch and below"),
        Scope.BANK: _("whole bank"),
        Scope.LISTED: _("listed branches"),
    }
    return str(labels[Scope(scope)])


def grantors() -> str:
    """Whom to ask for an action: the security administrators, who alone can grant one, as people list them."""
    with reading() as session:
        labels = session.scalars(select(Role.label).where(Role.kind == Kind.SECURITY.value).order_by(Role.label)).all()
    return listed(labels, "or")


def barred(user_id: int, action: str) -> bool:
    """True when no grant could allow it, because the administrators are kept apart (三员分立)."""
    holder, known = held_by(user_id), declared(action)
    if known is None or not holder.administers:
        return False
    return known.business_data or known.kind not in {None, *holder.kinds}


def speaks_for(user_id: int, action: str) -> bool:
    """True when the user's roles grant the action, whether or not a module that is on declares it.

    Never for administrators: what an action that nobody declares would show them is not known.
    """
    holder = held_by(user_id)
    grants = holder.on(action)
    usable = holder.active and not holder.administers
    return usable and any(g.allows for g in grants) and all(g.allows for g in grants)
