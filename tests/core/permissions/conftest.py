"""A small app around the permissions: organisations, users, one scoped subject, and a registry that can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from flask_babel import Babel
from flask_login import LoginManager
from sqlalchemy import MetaData, false, or_, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core import config, permissions
from core.auth.models import User
from core.contract.types import Action, Decision, ScopeProvider
from core.db import session as db_session
from core.db.session import system_session
from core.extensions import db
from core.monitoring.models import AuditEntry
from core.orgs.models import Employee, Organisation


class Base(DeclarativeBase):
    metadata = MetaData()


class Customer(Base):
    __tablename__ = "p_customer"
    __scope__: ClassVar = {"crm.customer": "id"}
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[int]
    manager_id: Mapped[int | None]
    line: Mapped[str] = mapped_column(default="retail")


def criterion(reach: Any, table: Any) -> Any:
    own = false() if reach.employee_id is None else table.c.manager_id == reach.employee_id
    inside = or_(reach.covers(table.c.org_id), own)
    return inside if reach.lines is None else inside & table.c.line.in_(sorted(reach.lines))


VIEW = Action("crm.customer.view", "View customers")
EDIT = Action("crm.customer.edit", "Edit customers")
SWITCH = Action("crm.modules.switch", "Switch modules", business_data=False)


@dataclass
class World:
    """What the tests turn."""

    app: Flask
    client: FlaskClient
    actions: list[tuple[str, Action]] = field(default_factory=lambda: [("crm", a) for a in (VIEW, EDIT, SWITCH)])
    votes: list[str] = field(default_factory=list)
    provider_on: bool = True
    Customer = Customer

    def of(self, hook: str, snapshot: Any = None) -> tuple[tuple[str, Any], ...]:
        if hook == "crm_scope_providers":
            provider = ScopeProvider("crm.customer", "Customers", Customer, "id", criterion)
            return (("crm", provider),) if self.provider_on else ()
        return tuple(self.actions) if hook == "crm_permissions" else ()

    def vetoes(self, user_id: int, action: str, subject: str | None, key: str | None) -> tuple[str, ...]:
        self.asked = (user_id, action, subject, key)
        return tuple(self.votes)

    def role(self, name: str, *grants: Any, kind: str = "business", user: int | None = None, **held: Any) -> None:
        """A role with grants, given to the user."""
        with system_session("test") as s:
            permissions.ensure_role(s, name, name.title(), kind, grants)
            if user is not None:
                permissions.assign(s, user, name, **held)
            s.commit()

    def sees(self, user: int, action: str = "crm.customer.view") -> set[int]:
        """Customers in reach, through a scoped session."""
        access = db_session.Access(user, action, permissions.reach_of(user, action))
        with db_session.new_session(access=access) as s:
            return set(s.scalars(select(Customer.id)))

    def audit(self) -> list[AuditEntry]:
        with system_session("test") as s:
            return list(s.scalars(select(AuditEntry).order_by(AuditEntry.id)))

    def get(self, url: str, user: int | None = None, **kw: Any) -> Any:
        """Request as that user, outside the test's own app context, as a server would."""
        headers = {} if user is None else {"X-User": str(user)}
        return Context().run(lambda: self.client.open(url, headers=headers, **kw))

    def verdict(self, user: int, action: str = "crm.customer.view", *rest: Any) -> bool:
        return permissions.decide(user, action, *rest).allowed


@pytest.fixture
def make_app(tmp_path: Path, database_url: str) -> Any:
    """An app without pushed context, on SQLite and on PostgreSQL."""
    app = Flask("permissions-test")
    app.config["CRM"] = config.load({"instance": tmp_path}, environ={})
    app.config |= {"SQLALCHEMY_DATABASE_URI": database_url, "SECRET_KEY": "x" * 32}
    db.init_app(app)
    Babel(app)
    login = LoginManager(app)

    @login.request_loader
    def load(incoming: Any) -> Any:
        found = request.headers.get("X-User")
        user = db.session.get(User, int(found)) if found else None
        if user is None or not user.active:
            return None
        return SimpleNamespace(id=user.id, username=user.username, is_authenticated=True)

    db_session.init_app(app)
    permissions.init_app(app)
    app.register_error_handler(permissions.Denied, lambda e: (f"denied {e.action}: {' '.join(e.reasons)}", 403))
    return app


@pytest.fixture
def world(make_app: Flask) -> Iterator[World]:
    """Head office 1, branches 2 and 3, sub-branches 4 (of 2) and 5 (of 3); user n is employee n of organisation n.

    Customer n lies in organisation n and is managed by employee 6 - n. User 9 has no employee, user 8 is disabled.
    """
    app = make_app
    world = World(app, app.test_client())
    app.extensions["crm"] = SimpleNamespace(registry=world, dispatch=world, snapshot=lambda: None)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with system_session("test") as s:
            places = {1: "/1/", 2: "/1/2/", 3: "/1/3/", 4: "/1/2/4/", 5: "/1/3/5/"}
            for n, path in places.items():
                parent = int(path.split("/")[-3]) if n > 1 else None
                s.add(
                    Organisation(
                        id=n,
                        code=f"o{n}",
                        name=f"org {n}",
                        level=_level(n),
                        parent_id=parent,
                        path=path,
                        valid_from=date(2020, 1, 1),
                    )
                )
                s.flush()
                s.add(Employee(id=n, number=f"e{n}", name=f"emp {n}", org_id=n, valid_from=date(2020, 1, 1)))
                s.flush()
                s.add(User(id=n, username=f"u{n}", employee_id=n))
                s.add(Customer(id=n, org_id=n, manager_id=6 - n, line="retail" if n % 2 else "corp"))
            s.add_all([User(id=9, username="u9"), User(id=8, username="u8", active=False)])
            s.commit()
        yield world
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def _level(n: int) -> str:
    return "HEAD" if n == 1 else "BRANCH" if n < 4 else "SUBBRANCH"


@pytest.fixture
def deny() -> Any:
    """A vote against."""
    return Decision(False, "Closed at night")
