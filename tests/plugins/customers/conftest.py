"""Customers on an otherwise empty database, for the tests of the services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
            valid_from=date(2000, 1, 1), valid_to=date(2020, 1, 1), merged_into_id=2,
        )  # fmt: skip
        for organisation in (head, branch, closed):
            session.add(organisation)
            session.flush()
        session.commit()
        yield Bank(session, {"0001": 1, "0101": 2, "0102": 3})
    engine.dispose()
