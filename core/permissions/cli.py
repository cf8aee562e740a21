"""``crm role``: who may do what, from the command line. Whoever changes it holds ``permissions.roles.manage``.

Exit codes: 0 done, 1 failed, 2 wrong use.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click
from flask.cli import AppGroup
from sqlalchemy import select

from core.auth.models import User
from core.auth.users import UserError, need, normal
from core.db.session import system_session
from core.orgs.models import Organisation
from core.permissions import decisions, roles
from core.permissions.cli_kit import as_json_option, by_option, fail, operator, say
from core.permissions.models import Effect, Grant, Kind, Role, Scope, UserRole
from core.permissions.roles import MANAGE, GrantSpec, RoleConflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.db.session import CrmSession

role = AppGroup("role", help="Roles: what they grant, and who holds them.")

_scope = click.option("--scope", type=click.Choice([s.value for s in Scope]), default=None, help="How far it reaches.")
_reason = click.option("--reason", required=True, help="Why; kept in the audit trail.")
_day = click.DateTime(["%Y-%m-%d"])


@contextmanager
def _change(as_json: bool, by: str, why: str) -> Iterator[CrmSession]:
    """A unit of work of somebody who may; what cannot be done is said and leaves nothing."""
    operator(as_json, by, MANAGE.name)
    problem = ""
    with system_session(f"command line: {why}") as session:
        try:
            yield session
            session.commit()
        except (ValueError, LookupError, RoleConflict, UserError) as error:
            problem = str(error.args[0])
    if problem:
        fail(as_json, problem)


def _need(session: CrmSession, name: str) -> Role:
    found = session.scalar(select(Role).where(Role.name == name))
    if found is None:
        raise LookupError(f"no role {name!r}; crm role list shows what there is")
    return found


def _place(session: CrmSession, code: str) -> int:
    found = session.scalar(select(Organisation.id).where(Organisation.code == code))
    if found is None:
        raise LookupError(f"no organisation {code!r}")
    return found


# -- looking -----------------------------------------------------------------------------------------------------------


@role.command("list")
@as_json_option
def list_(as_json: bool) -> None:
    """Every role with its kind and how many grants and holders it has."""
    with system_session("command line: list roles") as session:
        holders = [held.role_id for held in session.scalars(select(UserRole))]
        found = [
            {"name": r.name, "label": r.label, "kind": r.kind, "grants": len(r.grants), "held": holders.count(r.id)}
            for r in session.scalars(select(Role).order_by(Role.name))
        ]
    lines = [f"{r['name']}  {r['kind']}  {r['label']}  {r['grants']} grants, held {r['held']} times" for r in found]
    say(as_json, {"roles": found}, *(lines or ["No role yet."]))


@role.command()
@as_json_option
def actions(as_json: bool) -> None:
    """Every action that can be granted: those of the core and of the modules that are on."""
    found = [{"name": a.name, "label": a.label, "business_data": a.business_data} for a in decisions.actions()]
    found.sort(key=lambda action: str(action["name"]))
    lines = [f"{a['name']}  {a['label']}{'' if a['business_data'] else '  (no business data)'}" for a in found]
    say(as_json, {"actions": found}, *lines)


@role.command()
@click.argument("name")
@as_json_option
def show(name: str, as_json: bool) -> None:
    """One role: what it grants, and who holds it."""
    with system_session("command line: show a role") as session:
        found = session.scalar(select(Role).where(Role.name == name))
        if found is None:
            fail(as_json, f"no role {name!r}; crm role list shows what there is")
        values: dict[str, Any] = {
            "name": found.name,
            "label": found.label,
            "kind": found.kind,
            "grants": [_grant_shown(session, grant) for grant in found.grants],
            "holders": _holders(session, found),
        }
    lines = [f"{name}  {values['kind']}  {values['label']}"]
    lines += [f"  {' '.join(str(v) for v in _plain(grant))}" for grant in values["grants"]]
    lines += [f"  {' '.join(str(v) for v in _plain(holder))}" for holder in values["holders"]]
    say(as_json, values, *lines)


def _plain(values: dict[str, Any]) -> Iterable[Any]:
    return (",".join(v) if isinstance(v, list) else v for v in values.values() if v)


def _grant_shown(session: CrmSession, grant: Grant) -> dict[str, Any]:
    places = [o.org_id for o in grant.organisations]
    codes = session.scalars(select(Organisation.code).where(Organisation.id.in_(places)).order_by(Organisation.code))
    shown = {"effect": grant.effect, "action": grant.action, "scope": grant.scope, "line": grant.line}
    return {**shown, "organisations": list(codes)}


def _holders(session: CrmSession, found: Role) -> list[dict[str, Any]]:
    rows = session.execute(
        select(User.username, Organisation.code, UserRole.valid_from, UserRole.valid_to)
        .join(User, User.id == UserRole.user_id)
        .outerjoin(Organisation, Organisation.id == UserRole.org_id)
        .where(UserRole.role_id == found.id)
        .order_by(User.username)
    )
    return [
        {"user": name, "at": code, "from": first and first.isoformat(), "to": last and last.isoformat()}
        for name, code, first, last in rows
    ]


# -- changing ----------------------------------------------------------------------------------------------------------


@role.command()
@click.argument("name")
@click.option("--label", required=True, help="What people call it.")
@click.option("--kind", type=click.Choice([k.value for k in Kind]), default=Kind.BUSINESS.value, show_default=True)
@by_option
@as_json_option
def create(name: str, label: str, kind: str, by: str, as_json: bool) -> None:
    """Make a role, which grants nothing yet. The kinds system, security and audit are of the three administrators."""
    with _change(as_json, by, "make a role") as session:
        if session.scalar(select(Role.id).where(Role.name == name)) is not None:
            raise ValueError(f"role {name!r} exists already")
        if not (name.isidentifier() and name.isascii() and len(name) <= 64 and label.strip() and len(label) <= 120):
            raise ValueError("a role's name is of at most 64 letters, digits and underscores; its label is not empty")
        roles.ensure_role(session, name, label.strip(), kind)
    say(as_json, {"role": name, "kind": kind}, f"{name} is there; crm role grant {name} ACTION says what it may do")


@role.command()
@click.argument("name")
@click.argument("action")
@_scope
@click.option("--line", default=None, help="Only this business line.")
@click.option("--org", "orgs", multiple=True, help="Code of an organisation, for --scope listed; may be repeated.")
@click.option("--deny", is_flag=True, help="Forbid instead; that wins over every grant.")
@by_option
@as_json_option
def grant(
    name: str,
    action: str,
    scope: str | None,
    line: str | None,
    orgs: tuple[str, ...],
    deny: bool,
    by: str,
    as_json: bool,
) -> None:
    """Let a role do something: one declared action, or all under a prefix such as 'visits.*'."""
    with _change(as_json, by, "grant") as session:
        found = _need(session, name)
        places = tuple(_place(session, code) for code in orgs)
        effect = Effect.DENY if deny else Effect.ALLOW
        spec = GrantSpec(action, scope or Scope.BANK.value, effect.value, line, places)
        roles.check_grantable(found.kind, spec)
        roles.add_grant(session, found, spec)
    values = {"role": name, "action": action, "effect": effect.value, "scope": spec.scope, "organisations": list(orgs)}
    say(as_json, values, f"{name}: {effect.value} {action} ({spec.scope})")


@role.command()
@click.argument("name")
@click.argument("action")
@_scope
@by_option
@as_json_option
def revoke(name: str, action: str, scope: str | None, by: str, as_json: bool) -> None:
    """Take a role's grants of an action away, with --scope only those of that reach. Also its denials."""
    with _change(as_json, by, "revoke") as session:
        held = [g for g in _need(session, name).grants if g.action == action and scope in (None, g.scope)]
        if not held:
            raise LookupError(f"{name} has no such grant; crm role show {name} lists them")
        for one in held:
            roles.remove_grant(session, one)
    say(as_json, {"role": name, "action": action, "removed": len(held)}, f"{name}: {len(held)} grants taken away")


@role.command()
@click.argument("username")
@click.argument("name")
@click.option("--org", default=None, help="Code of the organisation where it is held; by default where they work.")
@click.option("--from", "first", type=_day, default=None, help="First day.")
@click.option("--to", "last", type=_day, default=None, help="Last day.")
@_reason
@by_option
@as_json_option
def assign(
    username: str,
    name: str,
    org: str | None,
    first: datetime | None,
    last: datetime | None,
    reason: str,
    by: str,
    as_json: bool,
) -> None:
    """Give somebody a role. Nobody gives one to themselves; an administrator's excludes every other kind."""
    with _change(as_json, by, "assign a role") as session:
        days: dict[str, date | None] = {"valid_from": first and first.date(), "valid_to": last and last.date()}
        if first and last and last < first:
            raise ValueError("the last day lies before the first")
        place = _place(session, org) if org else None
        user_id = _other(session, username, by).id
        _need(session, name)
        roles.assign(session, user_id, name, org_id=place, reason=reason, **days)
    say(as_json, {"user": normal(username), "role": name, "org": org}, f"{normal(username)} holds {name}")


@role.command()
@click.argument("username")
@click.argument("name")
@_reason
@by_option
@as_json_option
def unassign(username: str, name: str, reason: str, by: str, as_json: bool) -> None:
    """Take a role away from somebody, wherever they hold it; holds at their next request."""
    with _change(as_json, by, "take a role away") as session:
        _need(session, name)
        taken = roles.revoke(session, need(session, username).id, name, reason=reason)
        if not taken:
            raise LookupError(f"{normal(username)} does not hold {name}")
    say(
        as_json,
        {"user": normal(username), "role": name, "removed": taken},
        f"{normal(username)} no longer holds {name}",
    )


def _other(session: CrmSession, username: str, by: str) -> User:
    if by and normal(by) == normal(username):
        raise ValueError("nobody gives a role to themselves; another security administrator does")
    return need(session, username)
