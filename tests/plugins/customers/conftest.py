"""Customers on an otherwise empty database, for the tests of the services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session


@dataclass
class Delivered:
    """A publication as the warehouse hands it to a feed."""

    session: Session
    delivered: list[dict[str, Any]]
    business_date: date = date(2026, 11, 22)
    source: str = "corebank"
    legal_entity: str = "JQ"

    def rows(self) -> Iterator[Mapping[str, Any]]:
        yield from self.delivered


@dataclass
class Bank:
    """The database, with the few organisations the rows name, and a way to deliver to it."""

    session: Session
    orgs: dict[str, int] = field(default_factory=dict)

    def deliver(self, *rows: dict[str, Any], **how: Any) -> Any:
        from plugins.customers.services.intake import take_in

        tally = take_in(Delivered(self.session, list(rows), **how))
        self.session.commit()
        return tally


@pytest.fixture
def bank(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bank]:
    from core.db import secrets
    from core.db.base import metadata
    from core.orgs.models import Organisation
    from core.sdk.testing.recipes import engine_of
    from plugins.customers import models

    monkeypatch.setattr(secrets, "_process_keys", secrets.Keys.load(tmp_path))
    engine = engine_of(database_url)
    mine = [getattr(models, name).__table__ for name in models.__all__]
    metadata.create_all(engine, tables=[Organisation.__table__, *mine])
    with Session(engine) as session:
        head = Organisation(id=1, code="0001", name="总行", level="HEAD", path="/1/", valid_from=date(2000, 1, 1))
        branch = Organisation(
            id=2, code="0101", name="滨江支行", level="BRANCH", parent_id=1, path="/1/2/", valid_from=date(2000, 1, 1)
        )
        closed = Organisation(
            id=3, code="0102", name="江南支行", level="BRANCH", parent_id=1, path="/1/3/",
            valid_from=date(2000, 1, 1), valid_to=date(2020, 1, 1), merged_into_id=2, heir_id=2,
        )  # fmt: skip
        for organisation in (head, branch, closed):
            session.add(organisation)
            session.flush()
        session.commit()
        yield Bank(session, {"0001": 1, "0101": 2, "0102": 3})
    engine.dispose()


# -- through the application -------------------------------------------------------------------------------------------

VIEW, EDIT, ACCOUNTS = "customers.party.view", "customers.party.edit", "customers.account.view"


def row(source_cust_id: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "kind": "P", "name": "张国强", "org_code": "T01", "cert_type": "ID", "cert_no": "11010519491231002X",
        "mobile": "13912345678", "gender": "2", "open_date": date(2012, 5, 18), "status": "ACTIVE",
        "address": "北京市朝阳区建国路1号", "email": "zgq@example.cn",
    }  # fmt: skip
    return {**plain, "source_cust_id": source_cust_id, **changes}


@pytest.fixture
def orgs(crm_app: Any) -> dict[str, int]:
    """Two branches of the test's own, and forty customers in the first, two in the second, one nowhere."""
    from core.db.session import system_session
    from core.orgs.models import Organisation
    from plugins.customers.services.intake import take_in

    with crm_app.app_context(), system_session("test data") as session:
        ids: dict[str, int] = {}
        for code, parent in (("T00", None), ("T01", "T00"), ("T02", "T00")):
            organisation = Organisation(
                code=code, name=f"机构{code}", level="HEAD" if parent is None else "BRANCH", path="/",
                parent_id=ids.get(parent or ""), valid_from=date(2000, 1, 1),
            )  # fmt: skip
            session.add(organisation)
            session.flush()
            above = f"/{ids['T00']}" if parent else ""
            organisation.path, ids[code] = f"{above}/{organisation.id}/", organisation.id
        crowd = [
            row(f"C{i}", name=f"王{'一二三四五六七八九十'[i % 10]}{'甲乙丙丁'[i // 10]}", mobile=None)
            for i in range(40)
        ]
        far = [row("D1", org_code="T02", name="赵云"), row("D2", org_code="T02", kind="C", name="云溪商贸有限公司")]
        take_in(Delivered(session, [*crowd, *far, row("E1", org_code=None, name=None, cert_no=None)]))
        session.commit()
    return ids


@pytest.fixture
def clerk(orgs: dict[str, int], login_as: Callable[..., Any]) -> Any:
    return login_as("clerk", VIEW, ACCOUNTS, EDIT, scope="branch", org_id=orgs["T01"])


@pytest.fixture
def chief(orgs: dict[str, int], login_as: Callable[..., Any]) -> Any:
    return login_as("chief", VIEW, ACCOUNTS, EDIT)
