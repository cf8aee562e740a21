"""Audit entries: in the caller's transaction, and there for good."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from core.db.base import metadata
from core.monitoring import append_only, audit, context
from core.monitoring.models import AuditEntry

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def engine(database_url: str) -> Engine:
    return create_engine(database_url)


def with_create_all(engine: Engine) -> None:
    metadata.create_all(engine, tables=[AuditEntry.__table__])  # type: ignore[list-item]


def with_alembic(engine: Engine) -> None:
    """As a migration does it: with a table object that is not the model's."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with engine.begin() as connection:
        columns = [column._copy() for column in AuditEntry.__table__.columns]
        Operations(MigrationContext.configure(connection)).create_table("core_audit", *columns)


@pytest.mark.parametrize("make", [with_create_all, with_alembic])
def test_entries_cannot_be_changed_or_deleted(engine: Engine, make: Callable[[Engine], None]) -> None:
    make(engine)
    with Session(engine) as session, session.begin():
        audit.record(session, "tests.did", subject="tests.thing", key=7, detail={"a": 1}, user_id=3, reason="因为")
    statements = ["UPDATE core_audit SET reason = ''", "DELETE FROM core_audit"]
    if engine.dialect.name == "postgresql":
        statements.append("TRUNCATE core_audit")
    for statement in statements:
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    with Session(engine) as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.action, entry.subject, entry.key, entry.detail) == ("tests.did", "tests.thing", "7", {"a": 1})
        assert (entry.user_id, entry.reason) == (3, "因为")
    engine.dispose()


def test_other_tables_can(engine: Engine) -> None:
    table = Table("tests_plain", MetaData(), Column("id", Integer, primary_key=True))
    table.create(engine)
    with engine.begin() as connection:
        connection.execute(table.insert().values(id=1))
        connection.execute(table.delete())
    engine.dispose()


def test_triggers_can_be_put_back_after_a_rebuild(engine: Engine) -> None:
    with_create_all(engine)
    with engine.begin() as connection:
        append_only.install(connection, "core_audit")
        connection.execute(text("INSERT INTO core_audit (id, at, action, reason) VALUES (1, '2026-01-01', 'a', '')"))
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text("DELETE FROM core_audit"))
    engine.dispose()


def test_table_can_be_dropped_and_made_again(engine: Engine) -> None:
    for _ in range(2):
        with_create_all(engine)
        AuditEntry.__table__.drop(engine)  # type: ignore[attr-defined]
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1 FROM pg_proc WHERE proname = 'core_audit_refuse'")).all() == []
    engine.dispose()


def test_entry_stands_or_falls_with_the_transaction(engine: Engine) -> None:
    with_create_all(engine)
    with Session(engine) as session:
        audit.record(session, "tests.undone")
        session.flush()
        session.rollback()
        assert session.scalars(select(AuditEntry)).all() == []
    engine.dispose()


def test_entry_knows_who_and_where_from(engine: Engine) -> None:
    with_create_all(engine)
    with Session(engine) as session, context.acting_as(request_id="r1", user_id=5, address="10.0.0.1"):
        entry = audit.record(session, "tests.did")
        other = audit.record(session, "tests.did", user_id=6)
        session.commit()
        assert (entry.request_id, entry.user_id, entry.address) == ("r1", 5, "10.0.0.1")
        assert other.user_id == 6
    assert context.actor() == context.Actor()
    engine.dispose()


def test_unknown_dialect() -> None:
    with pytest.raises(ValueError, match="oracle"):
        append_only.statements("core_audit", "oracle")


def test_actor_is_of_its_thread() -> None:
    seen: list[int | None] = []
    with context.acting_as(user_id=5):
        thread = threading.Thread(target=lambda: seen.append(context.actor().user_id))
        thread.start()
        thread.join()
    assert seen == [None]


def test_no_identifier_reaches_an_entry(engine: Engine) -> None:
    with_create_all(engine)
    detail = {"remark": {"before": None, "after": "电话 139 1234 5678"}, "tried": ["11010519491231002X", 7]}
    with Session(engine) as session, session.begin():
        audit.record(session, "tests.did", detail=detail, reason="客户１３９１２３４５６７８来电")
    with Session(engine) as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert entry.detail == {"remark": {"before": None, "after": "电话 [removed]"}, "tried": ["[removed]", 7]}
        assert entry.reason == "客户[removed]来电"
    engine.dispose()


def test_counting_for_a_limit_takes_turns(engine: Engine) -> None:
    """Twelve at once, of which five may: each counts what those before it have entered."""
    from datetime import timedelta

    if engine.dialect.name != "postgresql":
        pytest.skip("on SQLite a transaction that may write is alone anyway")
    with_create_all(engine)
    start, let_through = threading.Barrier(12), []

    def ask() -> None:
        with context.acting_as(user_id=9), Session(engine) as session, session.begin():
            start.wait()
            if audit.count(session, "tests.asked", within=timedelta(hours=1)) < 5:
                audit.record(session, "tests.asked")
                let_through.append(1)

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == 5
    engine.dispose()
