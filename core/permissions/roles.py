"""Giving and taking roles. The rules that keep the three administrators apart are held here and again when deciding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.contract.types import Action
from core.monitoring import audit
from core.permissions.decisions import actions, declare, forget
from core.permissions.models import Effect, Grant, GrantOrganisation, Kind, Role, Scope, UserRole
from core.permissions.reach import covers

MANAGE = Action(
    "permissions.roles.manage",
    "Decide who may do what",
    "Makes roles, says what they grant, and gives them to people",
    business_data=False,
    kind="security",
)
USERS = Action(
    "permissions.users.manage",
    "Manage the people who can sign in",
    "Makes users, switches them off and on, and gives them new passwords",
    business_data=False,
    kind="security",
)
declare(MANAGE, USERS)


class RoleConflict(Exception):
    """The role may not be held together with one the user already holds."""


@dataclass(frozen=True, slots=True)
class GrantSpec:
    """A grant as seeds write it."""

    action: str
    scope: str = Scope.BANK
    effect: str = Effect.ALLOW
    line: str | None = None
    orgs: tuple[int, ...] = ()

    def check(self) -> None:
        """Raises ValueError when a reach could not say what this grant means."""
        if self.scope not in set(Scope) or self.effect not in set(Effect):
            raise ValueError(f"{self.action}: no scope {self.scope!r} or no effect {self.effect!r}")
        if "*" in self.action[:-1] or not self.action:
            raise ValueError(f"{self.action!r}: name one action, or a prefix ending in '.*'")
        if self.effect == Effect.DENY and (self.scope == Scope.OWN or self.line is not None):
            raise ValueError(f"{self.action}: a denial is of places or of the whole bank, not of own rows or of a line")
        if (self.scope == Scope.LISTED) != bool(self.orgs):
            raise ValueError(f"{self.action}: scope 'listed' names its organisations, other scopes name none")


def check_grantable(kind: str, spec: GrantSpec) -> None:
    """Hold a grant that a person adds to what is declared now. Seeds are not held to it: their module may be off.

    Raises:
        ValueError: no declared action is meant, business data would be shown to an administrator, or an action belongs
            to another kind of administrator.
    """
    spec.check()
    meant = [a for a in actions() if covers(spec.action, a.name)]
    if not meant:
        raise ValueError(f"no module that is on declares {spec.action!r}; crm role actions lists what there is")
    shown = [a.name for a in meant if a.business_data]
    if Kind(kind).administers and spec.effect == Effect.ALLOW and shown:
        raise ValueError(f"an administrator's role shows no business data, as {shown[0]} does")
    foreign = [a for a in meant if a.kind not in {None, Kind(kind).value}]
    if spec.effect == Effect.ALLOW and foreign:
        raise ValueError(f"{foreign[0].name} belongs to roles of kind {foreign[0].kind}, not {Kind(kind).value}")


def ensure_role(
    session: Session, name: str, label: str, kind: str = Kind.BUSINESS, grants: Iterable[GrantSpec | str] = ()
) -> Role:
    """The role of that name, made when it is not there, holding at least these grants. Idempotent; the caller commits.

    Raises:
        ValueError: the role exists with another kind, or a grant makes no sense.
    """
    role = session.scalar(select(Role).where(Role.name == name))
    if role is None:
        role = Role(name=name, label=label, kind=Kind(kind).value)
        session.add(role)
        session.flush()
        detail = {"name": name, "kind": role.kind}
        audit.record(session, "core.role.created", subject="core.role", key=role.id, detail=detail)
    if role.kind != kind:
        raise ValueError(f"role {name} is of kind {role.kind}, not {kind}")
    for spec in grants:
        add_grant(session, role, GrantSpec(spec) if isinstance(spec, str) else spec)
    return role


def add_grant(session: Session, role: Role, spec: GrantSpec, *, reason: str = "") -> Grant:
    """Give the role one more grant, unless it has the very same. The caller commits.

    Raises:
        ValueError: the grant makes no sense.
    """
    spec.check()
    for grant in role.grants:
        orgs = {o.org_id for o in grant.organisations}
        if (grant.action, grant.effect, grant.scope, grant.line, orgs) == (
            spec.action,
            spec.effect,
            spec.scope,
            spec.line,
            set(spec.orgs),
        ):
            return grant
    grant = Grant(action=spec.action, effect=Effect(spec.effect).value, scope=Scope(spec.scope).value, line=spec.line)
    grant.organisations = [GrantOrganisation(org_id=org) for org in spec.orgs]
    role.grants.append(grant)
    session.flush()
    detail = {"role": role.name, "action": spec.action, "effect": grant.effect, "scope": grant.scope, "line": spec.line}
    audit.record(session, "core.grant.added", subject="core.role", key=role.id, detail=detail, reason=reason)
    forget()
    return grant


def remove_grant(session: Session, grant: Grant, *, reason: str = "") -> None:
    """Take a grant away. The caller commits."""
    detail = {"role": grant.role.name, "action": grant.action, "effect": grant.effect, "scope": grant.scope}
    audit.record(session, "core.grant.removed", subject="core.role", key=grant.role_id, detail=detail, reason=reason)
    grant.role.grants.remove(grant)
    session.flush()
    forget()


def assign(
    session: Session,
    user_id: int,
    role_name: str,
    *,
    org_id: int | None = None,
    valid_from: date | None = None,
    valid_to: date | None = None,
    reason: str = "",
) -> UserRole:
    """Give a user a role; one they hold already at that place from that day gets this last day. The caller commits.

    Raises:
        LookupError: there is no such role.
        RoleConflict: an administrator's role would be held together with a role of another kind.
    """
    role = session.scalar(select(Role).where(Role.name == role_name))
    if role is None:
        raise LookupError(f"no role {role_name!r}")
    held = list(session.scalars(select(UserRole).where(UserRole.user_id == user_id)))
    same = next((h for h in held if (h.role_id, h.org_id, h.valid_from) == (role.id, org_id, valid_from)), None)
    if same is not None and same.valid_to == valid_to:
        return same
    for other in held:
        if other is not same and _exclude(role, other.role) and _overlap(other, valid_from, valid_to):
            raise RoleConflict(f"{role.label} may not be held together with {other.role.label}")
    given = same or UserRole(user_id=user_id, role_id=role.id, org_id=org_id, valid_from=valid_from)
    given.valid_to = valid_to
    session.add(given)
    session.flush()
    detail = {"role": role_name, "org_id": org_id, "to": valid_to and valid_to.isoformat()}
    audit.record(session, "core.role.assigned", subject="core.user", key=user_id, detail=detail, reason=reason)
    forget()
    return given


def revoke(session: Session, user_id: int, role_name: str, *, reason: str = "") -> int:
    """Take a role away from a user, wherever it is held. Returns how many times it was held. The caller commits."""
    held = session.scalars(
        select(UserRole)
        .join(Role, Role.id == UserRole.role_id)
        .where(UserRole.user_id == user_id, Role.name == role_name)
    ).all()
    for given in held:
        session.delete(given)
    session.flush()
    if held:
        audit.record(
            session, "core.role.revoked", subject="core.user", key=user_id, detail={"role": role_name}, reason=reason
        )
    forget()
    return len(held)


def _exclude(one: Role, other: Role) -> bool:
    return one.kind != other.kind and (Kind(one.kind).administers or Kind(other.kind).administers)


def _overlap(held: UserRole, first: date | None, last: date | None) -> bool:
    starts_before_end = last is None or held.valid_from is None or held.valid_from <= last
    ends_after_start = first is None or held.valid_to is None or first <= held.valid_to
    return starts_before_end and ends_after_start
