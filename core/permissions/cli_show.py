"""``crm role list``, ``actions`` and ``show``: what there is. They ask nobody who they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from core.auth.models import User
from core.db.session import CrmSession, system_session
from core.orgs.models import Organisation
from core.permissions import decisions
from core.permissions.cli_kit import as_json_option, fail, say
from core.permissions.models import Grant, Role, UserRole


@click.command("list")
@as_json_option
@with_appcontext
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


@click.command()
@as_json_option
@with_appcontext
def actions(as_json: bool) -> None:
    """Every action that can be granted: those of the core and of the modules that are on."""
    found = [{"name": a.name, "label": a.label, "business_data": a.business_data} for a in decisions.actions()]
    found.sort(key=lambda action: str(action["name"]))
    lines = [f"{a['name']}  {a['label']}{'' if a['business_data'] else '  (no business data)'}" for a in found]
    say(as_json, {"actions": found}, *lines)


@click.command()
@click.argument("name")
@as_json_option
@with_appcontext
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
