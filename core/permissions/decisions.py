"""Deciding: deny by default, deny wins, and the three administrators stay apart (三员分立)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from flask import has_request_context, request
from flask_babel import gettext as _
from sqlalchemy import BindParameter, and_, bindparam, exists, func, inspect, or_, select
from sqlalchemy.orm import Session

from core.auth.models import User
from core.contract.protocols import runtime
from core.contract.types import Action, ScopeProvider
from core.db.session import Access, CrmSession, new_session, request_session
from core.db.types import today
from core.orgs.models import Employee, Organisation
from core.permissions.models import Grant, GrantOrganisation, Kind, Role, UserRole
from core.permissions.reach import NOTHING, HeldGrant, OrgReach, reach, takes_all

_HELD = "crm.permissions.held"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether, and why. The reasons are translated and name no customer."""

    allowed: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """What one user holds today."""

    user_id: int
    active: bool
    kinds: frozenset[str]
    grants: tuple[HeldGrant, ...]

    @property
    def administers(self) -> bool:
        """True for a system, security or audit administrator."""
        return any(Kind(kind).administers for kind in self.kinds)

    @property
    def conflicting(self) -> bool:
        """True when an administrator's role is held together with any other kind of role."""
        return self.administers and len(self.kinds) > 1

    def on(self, action: str) -> list[HeldGrant]:
        """The grants that speak about the action."""
        return [g for g in self.grants if g.matches(action)]


# -- actions -----------------------------------------------------------------------------------------------------------

_core_actions: dict[str, Action] = {}


def declare(*actions: Action) -> None:
    """Declare actions of the core itself; plugins use ``crm_permissions``."""
    _core_actions.update({action.name: action for action in actions})


def declared(name: str) -> Action | None:
    """The action of that name, as declared by the core or by a plugin that is on."""
    return next((action for action in actions() if action.name == name), None)


def core_actions() -> tuple[Action, ...]:
    """The actions of the core itself, in the order they were declared."""
    return tuple(_core_actions.values())


def actions() -> Iterator[Action]:
    """All actions that are declared now. Grants of anything else count for nothing."""
    yield from core_actions()
    for _plugin, action in runtime().registry.of("crm_permissions"):
        yield action


# -- decisions ---------------------------------------------------------------------------------------------------------


def decide(user_id: int, action: str, subject: str | None = None, key: str | int | None = None) -> Verdict:
    """May this user do this: at all, or to that one thing?

    Args:
        user_id: whose roles count.
        action: such as ``customers.party.view``.
        subject: kind of the thing, such as ``customers.party``; with ``key``, the row has to be in reach as well.
        key: the thing's key.
    """
    holder = held_by(user_id)
    verdict = _by_grants(holder, action)
    if not verdict.allowed:
        return verdict
    vetoes = _vetoes(user_id, action, subject, key)
    if vetoes:
        return Verdict(False, vetoes)
    if subject is None or key is None:
        return verdict
    if in_reach(Access(user_id, action, reach(holder.on(action))), subject, key):
        return verdict
    return Verdict(False, (_("It lies outside the scope of your roles."),))


def allowed_in(session: Session, user_id: int, action: str) -> bool:
    """Whether the grants allow it as this transaction has them, committed or not. Vetoes of plugins are not asked."""
    session.flush()
    return _by_grants(_read_in(session, user_id), action).allowed


def reach_of(user_id: int, action: str) -> OrgReach:
    """How far the action reaches for the user; nothing when they may not do it."""
    if not decide(user_id, action).allowed:
        return NOTHING
    return reach(held_by(user_id).on(action))


def _by_grants(holder: Holder, action: str) -> Verdict:
    known = declared(action)
    if known is None:
        return Verdict(False, (_("No module that is on offers this."),))
    if not holder.active:
        return Verdict(False, (_("The user is disabled."),))
    if holder.conflicting:
        return Verdict(False, (_("An administrator's role may not be held together with another kind of role."),))
    if holder.administers and known.business_data:
        return Verdict(False, (_("Administrators see no business data."),))
    grants = holder.on(action)
    denials = [g for g in grants if takes_all(g) or (not g.allows and not known.business_data)]
    if denials:
        return Verdict(False, tuple(_("The role %(role)s forbids it.", role=g.role_label) for g in denials))
    allows = [g for g in grants if g.allows]
    if not allows:
        return Verdict(False, (_("None of your roles grants it."),))
    if holder.administers and known.kind not in {None, *holder.kinds}:
        return Verdict(False, (_("It belongs to another kind of administrator."),))
    return Verdict(True, tuple(_("The role %(role)s grants it.", role=g.role_label) for g in allows))


def _vetoes(user_id: int, action: str, subject: str | None, key: str | int | None) -> tuple[str, ...]:
    return runtime().dispatch.vetoes(user_id, action, subject, None if key is None else str(key))


def in_reach(access: Access, subject: str, key: str | int) -> bool:
    """True when the one thing lies among the rows of the access; never without a scope provider."""
    provider = _provider(subject)
    if provider is None:
        return False
    mapper = inspect(provider.model)
    attribute = mapper.get_property_by_column(mapper.local_table.c[provider.key]).class_attribute
    try:
        value = mapper.local_table.c[provider.key].type.python_type(key)
    except ValueError:
        return False
    with new_session(access=access, mode="read") as session:
        return bool(session.scalar(select(exists(select(provider.model).where(attribute == value)))))


def _provider(subject: str) -> ScopeProvider | None:
    providers: Iterable[tuple[str, ScopeProvider]] = runtime().registry.of("crm_scope_providers")
    return next((provider for _plugin, provider in providers if provider.subject == subject), None)


# -- what is held ------------------------------------------------------------------------------------------------------


def held_by(user_id: int) -> Holder:
    """What the user holds, read once per request and afresh for the next, so that a change holds at once."""
    if not has_request_context():
        return _read(user_id)
    kept: dict[int, Holder] = request.environ.setdefault(_HELD, {})
    if user_id not in kept:
        kept[user_id] = _read(user_id)
    return kept[user_id]


def forget() -> None:
    """Read again what is held, within this request, after it has been changed."""
    if has_request_context():
        request.environ.pop(_HELD, None)


@contextmanager
def reading() -> Iterator[CrmSession]:
    """The request's session, or one of its own outside requests, so that nothing stays open."""
    if has_request_context():
        yield request_session()
    else:
        with new_session(mode="read") as session:
            yield session


_DAY: BindParameter[date] = bindparam("day")
# What is held at, or lists, an organisation that was merged counts for the one it went into.
_held_at, _listed = Organisation.__table__.alias("held_at"), Organisation.__table__.alias("listed")
_HELD_BY = (  # one statement, built once: every request asks it
    select(
        User.active,
        User.employee_id,
        Employee.org_id.label("home"),
        Employee.valid_from,
        Employee.valid_to,
        UserRole.org_id.is_not(None).label("placed"),
        func.coalesce(_held_at.c.heir_id, _held_at.c.id).label("place"),
        Role.name,
        Role.label,
        Role.kind,
        Grant.id.label("grant_id"),
        Grant.action,
        Grant.effect,
        Grant.scope,
        Grant.line,
        func.coalesce(_listed.c.heir_id, _listed.c.id).label("listed"),
    )
    .select_from(User)
    .outerjoin(Employee, Employee.id == User.employee_id)
    .outerjoin(
        UserRole,
        and_(
            UserRole.user_id == User.id,
            or_(UserRole.valid_from.is_(None), UserRole.valid_from <= _DAY),
            or_(UserRole.valid_to.is_(None), UserRole.valid_to >= _DAY),
        ),
    )
    .outerjoin(_held_at, _held_at.c.id == UserRole.org_id)
    .outerjoin(Role, Role.id == UserRole.role_id)
    .outerjoin(Grant, Grant.role_id == Role.id)
    .outerjoin(GrantOrganisation, GrantOrganisation.grant_id == Grant.id)
    .outerjoin(_listed, _listed.c.id == GrantOrganisation.org_id)
    .where(User.id == bindparam("user_id"))
    .order_by(UserRole.id, Grant.id)
)


def _read(user_id: int) -> Holder:
    with reading() as session, session.no_autoflush:
        return _read_in(session, user_id)


def _read_in(session: Session, user_id: int) -> Holder:
    day = today()
    rows = session.execute(_HELD_BY, {"user_id": user_id, "day": day}).all()
    if not rows:
        return Holder(user_id, False, frozenset(), ())
    person = rows[0]
    employed = person.home is not None and _valid(day, person.valid_from, person.valid_to)
    employee, home = (person.employee_id, person.home) if employed else (None, None)
    held: dict[tuple[str, int | None, int], HeldGrant] = {}
    for r in rows:
        if r.grant_id is None:
            continue
        place = r.place if r.placed else home
        key = (r.name, place, r.grant_id)
        seen = held[key].listed if key in held else frozenset()
        listed = seen if r.listed is None else seen | {r.listed}
        held[key] = HeldGrant(r.name, r.label, r.kind, r.action, r.effect, r.scope, r.line, place, listed, employee)
    kinds = frozenset(r.kind for r in rows if r.kind is not None)
    return Holder(user_id, bool(person.active), kinds, tuple(held.values()))


def _valid(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)
