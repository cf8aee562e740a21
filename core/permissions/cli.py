"""``crm role``: who may do what, from the command line. Whoever changes it holds ``permissions.roles.manage``.

Exit codes: 0 done, 1 failed, 2 wrong use.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING

import click
from flask.cli import AppGroup
from sqlalchemy import select

from core.auth.models import User
from core.auth.users import UserError, need, normal
from core.db.session import system_session
from core.orgs.models import Organisation
from core.permissions import cli_show, roles, safeguards
from core.permissions.cli_kit import as_json_option, break_glass_option, by_option, fail, operator, say
from core.permissions.models import Effect, Kind, Role, Scope
from core.permissions.roles import MANAGE, GrantSpec, RoleConflict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from core.db.session import CrmSession

role = AppGroup("role", help="Roles: what they grant, and who holds them.")
for _command in (cli_show.list_, cli_show.actions, cli_show.show):
    role.add_command(_command)

_scope = click.option("--scope", type=click.Choice([s.value for s in Scope]), default=None, help="How far it reaches.")
_reason = click.option("--reason", required=True, help="Why; kept in the audit trail.")
_why = click.option("--reason", default="", help="Why; kept in the audit trail.")
_day = click.DateTime(["%Y-%m-%d"])


@contextmanager
def _change(as_json: bool, by: str, why: str, emergency: str | None = None) -> Iterator[CrmSession]:
    """A unit of work of somebody who may; what cannot be done is said and leaves nothing."""
    operator(as_json, by, MANAGE.name, emergency=emergency)
    problem = ""
    with system_session(f"command line: {why}") as session:
        try:
            with safeguards.keeping_a_manager(session, emergency=emergency is not None):
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


def _foreign(session: CrmSession, name: str, by: str) -> Role:
    """The role of that name, whose grants ``by`` is about to change and therefore must not hold."""
    found = _need(session, name)
    if by:
        safeguards.check_not_own(session, found, need(session, by).id)
    return found


def _place(session: CrmSession, code: str) -> int:
    found = session.scalar(select(Organisation.id).where(Organisation.code == code))
    if found is None:
        raise LookupError(f"no organisation {code!r}")
    return found


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
@_why
@by_option
@break_glass_option
@as_json_option
def grant(
    name: str,
    action: str,
    scope: str | None,
    line: str | None,
    orgs: tuple[str, ...],
    deny: bool,
    reason: str,
    by: str,
    break_glass: bool,
    as_json: bool,
) -> None:
    """Let a role do something: one declared action, or all under a prefix such as 'visits.*'. Not a role you hold."""
    with _change(as_json, by, "grant", reason if break_glass else None) as session:
        found = _foreign(session, name, by)
        places = tuple(_place(session, code) for code in orgs)
        effect = Effect.DENY if deny else Effect.ALLOW
        spec = GrantSpec(action, scope or Scope.BANK.value, effect.value, line, places)
        roles.check_grantable(found.kind, spec)
        roles.add_grant(session, found, spec, reason=reason)
    values = {"role": name, "action": action, "effect": effect.value, "scope": spec.scope, "organisations": list(orgs)}
    say(as_json, values, f"{name}: {effect.value} {action} ({spec.scope})")


@role.command()
@click.argument("name")
@click.argument("action")
@_scope
@_why
@by_option
@break_glass_option
@as_json_option
def revoke(name: str, action: str, scope: str | None, reason: str, by: str, break_glass: bool, as_json: bool) -> None:
    """Take a role's grants of an action away, with --scope only those of that reach. Also its denials."""
    with _change(as_json, by, "revoke", reason if break_glass else None) as session:
        held = [g for g in _foreign(session, name, by).grants if g.action == action and scope in (None, g.scope)]
        if not held:
            raise LookupError(f"{name} has no such grant; crm role show {name} lists them")
        for one in held:
            roles.remove_grant(session, one, reason=reason)
    say(as_json, {"role": name, "action": action, "removed": len(held)}, f"{name}: {len(held)} grants taken away")


@role.command()
@click.argument("username")
@click.argument("name")
@click.option("--org", default=None, help="Code of the organisation where it is held; by default where they work.")
@click.option("--from", "first", type=_day, default=None, help="First day.")
@click.option("--to", "last", type=_day, default=None, help="Last day.")
@_reason
@by_option
@break_glass_option
@as_json_option
def assign(
    username: str,
    name: str,
    org: str | None,
    first: datetime | None,
    last: datetime | None,
    reason: str,
    by: str,
    break_glass: bool,
    as_json: bool,
) -> None:
    """Give somebody a role. Nobody gives one to themselves; an administrator's excludes every other kind."""
    with _change(as_json, by, "assign a role", reason if break_glass else None) as session:
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
@break_glass_option
@as_json_option
def unassign(username: str, name: str, reason: str, by: str, break_glass: bool, as_json: bool) -> None:
    """Take a role away from somebody, wherever they hold it; holds at their next request."""
    with _change(as_json, by, "take a role away", reason if break_glass else None) as session:
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
