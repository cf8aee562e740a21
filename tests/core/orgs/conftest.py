from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

import core.auth.models  # noqa: F401 - foreign keys lead there
from core.db.base import metadata
from core.monitoring.models import AuditEntry
from core.orgs.models import Employee, Organisation, Placement, Post

TABLES = [m.__table__ for m in (Organisation, Placement, Employee, Post, AuditEntry)]


def make_engine(url: str = "sqlite://") -> Engine:
    engine = create_engine(url, poolclass=StaticPool) if url == "sqlite://" else create_engine(url)
    metadata.create_all(engine, tables=TABLES)  # type: ignore[arg-type]
    return engine


@pytest.fixture
def session() -> Iterator[Session]:
    engine = make_engine()
    with Session(engine) as session:
        yield session
    engine.dispose()


@pytest.fixture
def both(database_url: str) -> Iterator[Session]:
    engine = make_engine(database_url)
    with Session(engine) as session:
        yield session
    engine.dispose()
