"""The practice bank's organisations, people, roles and users. Only in training mode."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.auth import passwords, users
from core.auth.models import User
from core.auth.passwords import Hasher
from core.config import Config
from core.db.types import now
from core.orgs import staff, tree
from core.orgs.models import Employee, Level, Organisation
from core.permissions import GrantSpec, assign, ensure_role

FOUNDED = date(2018, 1, 1)

PLACES: tuple[tuple[str, str, Level, str], ...] = (
    ("0000", "金桥银行总行", Level.HEAD, ""),
    ("0100", "临江分行", Level.BRANCH, "0000"),
    ("0200", "云溪分行", Level.BRANCH, "0000"),
    ("0101", "滨江支行", Level.SUBBRANCH, "0100"),
    ("0102", "城东支行", Level.SUBBRANCH, "0100"),
    ("0103", "高新支行", Level.SUBBRANCH, "0100"),
    ("0201", "云溪支行", Level.SUBBRANCH, "0200"),
    ("0202", "南湖支行", Level.SUBBRANCH, "0200"),
    ("0203", "开发区支行", Level.SUBBRANCH, "0200"),
    ("010101", "江畔路网点", Level.OUTLET, "0101"),
    ("010102", "望江门网点", Level.OUTLET, "0101"),
    ("010201", "东湖路网点", Level.OUTLET, "0102"),
    ("010202", "凤凰山网点", Level.OUTLET, "0102"),
    ("010301", "科技园网点", Level.OUTLET, "0103"),
    ("010302", "大学城网点", Level.OUTLET, "0103"),
    ("020101", "人民路网点", Level.OUTLET, "0201"),
    ("020102", "老街网点", Level.OUTLET, "0201"),
    ("020201", "南湖大道网点", Level.OUTLET, "0202"),
    ("020202", "柳园网点", Level.OUTLET, "0202"),
    ("020301", "工业路网点", Level.OUTLET, "0203"),
    ("020302", "港口网点", Level.OUTLET, "0203"),
)
"""Code, name, level and parent's code. The practice bank's source files carry the same codes."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo user, whose name is the employee number."""

    username: str
    name: str
    title: str
    org: str
    role: str


PEOPLE = (
    Demo("rm01", "王海峰", "对公客户经理", "0101", "rm_corporate"),
    Demo("rm02", "李静", "零售客户经理", "0101", "rm_retail"),
    Demo("rm03", "张伟", "小微客户经理", "0102", "rm_micro"),
    Demo("rm04", "刘芳", "零售客户经理", "0102", "rm_retail"),
    Demo("rm05", "陈志强", "对公客户经理", "0201", "rm_corporate"),
    Demo("rm06", "赵敏", "零售客户经理", "0201", "rm_retail"),
    Demo("rm07", "黄磊", "小微客户经理", "0202", "rm_micro"),
    Demo("rm08", "周婷", "零售客户经理", "0202", "rm_retail"),
    Demo("head01", "吴建国", "支行长", "0101", "branch_head"),
    Demo("head02", "郑秀兰", "支行长", "0201", "branch_head"),
    Demo("retail", "孙丽华", "零售部经理", "0000", "head_retail"),
    Demo("corp", "马俊", "公司部经理", "0000", "head_corporate"),
    Demo("prod", "朱晓明", "产品部经理", "0000", "head_product"),
    Demo("risk", "胡文斌", "风险部经理", "0000", "head_risk"),
    Demo("comp", "林雪梅", "合规部经理", "0000", "compliance"),
    Demo("data", "何勇", "数据管理员", "0000", "data_steward"),
    Demo("report", "高洁", "报表管理员", "0000", "reporter"),
    Demo("sysadmin", "罗刚", "系统管理员", "0000", "system_admin"),
    Demo("secadmin", "谢红", "安全管理员", "0000", "security_admin"),
    Demo("audadmin", "唐平", "审计管理员", "0000", "audit_admin"),
    Demo("teller01", "许晴", "柜员", "010101", "teller"),
)

_READ = ("customers.party.view", "customers.account.view")


def _grants(scope: str, *actions: str, line: str | None = None) -> tuple[GrantSpec, ...]:
    return tuple(GrantSpec(action, scope=scope, line=line) for action in actions)


# A manager's own customers come with ownership, which is not here yet: until then the scope is the own 支行 with its
# outlets, where most customers are booked.
ROLES: tuple[tuple[str, str, str, tuple[GrantSpec, ...]], ...] = (
    ("rm_corporate", "对公客户经理", "business", _grants("branch_below", "customers.*", line="corporate")),
    ("rm_retail", "零售客户经理", "business", _grants("branch_below", "customers.*", line="retail")),
    ("rm_micro", "小微客户经理", "business", _grants("branch_below", "customers.*", line="micro")),
    ("branch_head", "支行长", "business", _grants("branch_below", "customers.*")),
    ("head_retail", "总行零售部", "business", _grants("bank", "customers.*")),
    ("head_corporate", "总行公司部", "business", _grants("bank", "customers.*")),
    ("head_product", "总行产品部", "business", _grants("bank", "customers.*")),
    ("head_risk", "总行风险部", "business", _grants("bank", "customers.*")),
    ("compliance", "总行合规部（只读）", "business", _grants("bank", *_READ)),
    ("data_steward", "数据管理员", "business", _grants("bank", "customers.*", "warehouse.*", "core.warehouse.release")),
    ("reporter", "报表管理员", "business", _grants("bank", *_READ)),
    ("teller", "柜员", "business", _grants("branch", "customers.party.view")),
    ("system_admin", "系统管理员", "system", _grants("bank", "system.*", "core.recovery", "core.styleguide")),
    ("security_admin", "安全管理员", "security", _grants("bank", "permissions.*", "users.*", "core.purge.approve")),
    ("audit_admin", "审计管理员", "audit", _grants("bank", "audit.*")),
)


def seed_demo(session: Session, config: Config) -> None:
    """Add what is missing of the demo organisations, people, roles and users; the caller commits.

    Passwords stand in ``instance/demo-users.txt``, readable by its owner only. ``CRM_DEMO_PASSWORD`` makes one password
    that of all demo users, also of those who exist already.

    Raises:
        ValueError: not in training mode.
    """
    if not config.training:
        raise ValueError("demo users exist only in training mode: set CRM_TRAINING=1")
    places = {code: _place(session, code, name, level, parent) for code, name, level, parent in PLACES}
    for role, label, kind, grants in ROLES:
        ensure_role(session, role, label, kind, grants)
    _users(session, config, places)


def _place(session: Session, code: str, name: str, level: Level, parent: str) -> Organisation:
    above = tree.by_code(session, parent) if parent else None
    return tree.by_code(session, code) or tree.create(session, code, name, level, parent=above, on=FOUNDED)


def _users(session: Session, config: Config, places: dict[str, Organisation]) -> None:
    listing = config.instance / "demo-users.txt"
    known, hasher = _read(listing), Hasher(cheap=config.testing)
    told: dict[str, str] = {}
    for person in PEOPLE:
        told[person.username] = password = config.demo_password or known.get(person.username) or passwords.generate()
        employee = _employee(session, person, places[person.org])
        user = users.by_username(session, person.username)
        if user is None:
            user = users.create(
                session,
                person.username,
                password,
                hasher=hasher,
                at=now(),
                employee_id=employee.id,
                must_change=False,
                by="seed",
            )
        elif password != known.get(person.username):
            _renew(user, password, hasher)
        assign(session, user.id, person.role)
    if told != known:
        _write(listing, told)


def _employee(session: Session, person: Demo, org: Organisation) -> Employee:
    found = session.scalars(select(Employee).where(Employee.number == person.username)).one_or_none()
    return found or staff.hire(session, person.username, person.name, org, title=person.title, on=FOUNDED)


def _renew(user: User, password: str, hasher: Hasher) -> None:
    if not hasher.verify(user.password_hash, password):
        user.password_hash, user.password_changed_at = hasher.hash(password), now()


def _read(listing: Path) -> dict[str, str]:
    if not listing.exists():
        return {}
    lines = (line.split() for line in listing.read_text("utf-8").splitlines() if not line.startswith("#"))
    return {fields[0]: fields[1] for fields in lines if len(fields) >= 2}


def _write(listing: Path, told: dict[str, str]) -> None:
    """Write aside with the right mode and then swap, so that nobody reads it in between."""
    aside = listing.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write("# user password role organisation (training mode only)\n")
        for person in PEOPLE:
            out.write(f"{person.username} {told[person.username]} {person.role} {person.org}\n")
    aside.replace(listing)
