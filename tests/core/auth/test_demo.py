"""The demo organisations and users, as the contracts name them."""

from __future__ import annotations

import stat
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from core import demo
from core.auth import users
from core.auth.models import User
from core.auth.state import short_read, short_write, state
from core.orgs.models import Organisation
from core.permissions import Role, UserRole

NAMES = {
    *(f"rm0{n}" for n in range(1, 9)),
    "head01",
    "head02",
    "retail",
    "corp",
    "prod",
    "risk",
    "comp",
    "data",
    "report",
    "sysadmin",
    "secadmin",
    "audadmin",
    "teller01",
}


def seed(app: Flask, **changes: Any) -> None:
    with app.app_context(), short_write() as session:
        demo.seed_demo(session, replace(app.config["CRM"], **changes))


def lines(app: Flask) -> dict[str, str]:
    listing = app.config["CRM"].instance / "demo-users.txt"
    rows = [line.split() for line in listing.read_text("utf-8").splitlines()[1:]]
    return {row[0]: row[1] for row in rows}


def test_users_organisations_and_roles(app: Flask) -> None:
    seed(app)
    with app.app_context(), short_read() as session:
        levels = Counter(session.scalars(select(Organisation.level)))
        rows = session.execute(
            select(User.username, Role.kind)
            .join(UserRole, UserRole.user_id == User.id)
            .join(Role, Role.id == UserRole.role_id)
        )
        held = {row[0]: row[1] for row in rows}
    assert levels == {"HEAD": 1, "BRANCH": 2, "SUBBRANCH": 6, "OUTLET": 12}
    assert held.keys() == NAMES
    kinds = {name: kind for name, kind in held.items() if kind != "business"}
    assert kinds == {"sysadmin": "system", "secadmin": "security", "audadmin": "audit"}


def test_passwords_are_told_to_the_owner_only(app: Flask) -> None:
    seed(app)
    listing = app.config["CRM"].instance / "demo-users.txt"
    assert stat.S_IMODE(listing.stat().st_mode) == 0o600
    told = lines(app)
    assert told.keys() == NAMES
    assert len(set(told.values())) == len(NAMES)
    with app.app_context(), short_read() as session:
        for name, password in told.items():
            assert state().hasher.verify(users.need(session, name).password_hash, password)


def test_again_changes_nothing(app: Flask) -> None:
    seed(app)
    before = lines(app)
    with app.app_context(), short_read() as session:
        hashes = {u.username: u.password_hash for u in users.listed(session)}
    seed(app)
    assert lines(app) == before
    with app.app_context(), short_read() as session:
        assert {u.username: u.password_hash for u in users.listed(session)} == hashes


def test_one_password_for_all(app: Flask) -> None:
    seed(app)
    seed(app, demo_password="Everyone-1")
    assert set(lines(app).values()) == {"Everyone-1"}
    with app.app_context(), short_read() as session:
        assert all(state().hasher.verify(users.need(session, n).password_hash, "Everyone-1") for n in NAMES)


def test_lost_list_gives_new_passwords(app: Flask) -> None:
    seed(app)
    before = lines(app)
    (app.config["CRM"].instance / "demo-users.txt").unlink()
    seed(app)
    after = lines(app)
    assert after != before
    with app.app_context(), short_read() as session:
        assert state().hasher.verify(users.need(session, "rm01").password_hash, after["rm01"])


def test_only_in_training_mode(app: Flask) -> None:
    with pytest.raises(ValueError, match="training"):
        seed(app, training=False)


def test_organisation_codes_are_those_of_the_source_files() -> None:
    people = pytest.importorskip("plugins.samplebank.people")
    codes = {code for code, *_ in demo.PLACES}
    assert {*people.SUB_BRANCHES, *people.OUTLETS} <= codes
