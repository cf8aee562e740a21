"""Maker and checker on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from core.approvals import service
from core.approvals.models import Approval
from core.db.base import CoreBase
from core.monitoring import context
from core.monitoring.models import AuditEntry
from core.sdk.testing.recipes import engine_of

pytestmark = pytest.mark.database("empty")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = engine_of(database_url)
    if engine.dialect.name == "sqlite":  # as the application: a unit of work that may write begins IMMEDIATE
        event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    CoreBase.metadata.create_all(engine, tables=[Approval.__table__, AuditEntry.__table__])
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(service, "_kinds", {})
    with Session(engine) as session:
        yield session


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Approval)) or 0


def test_change_is_made_with_the_decision(session: Session) -> None:
    made: list[dict[str, object]] = []
    service.register("test.rate", "Rate", lambda _, request: made.append(request.payload))
    request = service.submit(session, "test.rate", "rate", by="Ann ", payload={"to": 5}, before={"rate": 4})
    assert (request.state, request.requested_by, request.before, made) == ("pending", "ann", {"rate": 4}, [])
    request = service.approve(session, request.id, by="bob", reason="agreed")
    assert made == [{"to": 5}]
    assert (request.state, request.decided_by, request.decision_reason) == ("applied", "bob", "agreed")
    assert request.decided_at is not None
    session.flush()
    actions = session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert actions == ["approval.submitted", "approval.approved"]


@pytest.mark.parametrize("name", ["ann", "Ann", " ANN "])
def test_nobody_decides_on_their_own(session: Session, name: str) -> None:
    service.register("test.rate", "Rate", lambda *_: pytest.fail("carried out"))
    request = service.submit(session, "test.rate", "rate", by="ann")
    for decide in (service.approve, service.reject):
        with pytest.raises(service.OwnRequest):
            decide(session, request.id, by=name, reason="x")
    assert service.get(session, request.id).state == "pending"


@pytest.mark.parametrize(
    ("asked", "decides", "refused"),
    [("cli:a", "cli:a", True), ("cli:a", "cli:b", False), ("10.0.0.1", "10.0.0.1", False), (None, None, False)],
)
def test_one_account_of_the_operating_system_is_one_person(
    session: Session, asked: str | None, decides: str | None, refused: bool
) -> None:
    """Whatever two names were given; people behind one address of the network are not one person."""
    service.register("test.rate", "Rate", None)
    with context.acting_as(address=asked):
        request = service.submit(session, "test.rate", "rate", by="ann")
    with context.acting_as(address=decides):
        for decide in (service.reject, service.approve) if refused else (service.approve,):
            with pytest.raises(service.OwnRequest, match="account") if refused else nullcontext():
                decide(session, request.id, by="bob", reason="x")
    assert service.get(session, request.id).state == ("pending" if refused else "approved")


def test_database_itself_refuses_one_person_in_both_roles(session: Session) -> None:
    session.add(Approval(kind="k", subject="s", requested_by="ann", decided_by="ann", state="approved"))
    with pytest.raises(IntegrityError):
        session.flush()


def test_failing_change_takes_the_decision_back(session: Session) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no")

    service.register("test.rate", "Rate", fail)
    request = service.submit(session, "test.rate", "rate", by="ann")
    session.commit()
    with pytest.raises(RuntimeError):
        service.approve(session, request.id, by="bob")
    session.rollback()
    assert [r.id for r in service.waiting(session)] == [request.id]


def test_decided_request_stays_decided(session: Session) -> None:
    service.register("test.rate", "Rate", lambda *_: None)
    request = service.submit(session, "test.rate", "rate", by="ann")
    service.reject(session, request.id, by="bob", reason="too high")
    with pytest.raises(service.NotPending, match="rejected"):
        service.approve(session, request.id, by="cat")
    with pytest.raises(service.NotPending):
        service.withdraw(session, request.id, by="ann")


def test_only_the_asker_withdraws(session: Session) -> None:
    service.register("test.rate", "Rate", lambda *_: None)
    request = service.submit(session, "test.rate", "rate", by="ann")
    with pytest.raises(service.ApprovalError, match="only the person"):
        service.withdraw(session, request.id, by="bob")
    assert service.withdraw(session, request.id, by="ann").state == "withdrawn"
    assert service.waiting(session) == []


def test_one_open_request_about_one_thing(session: Session) -> None:
    service.register("test.rate", "Rate", lambda *_: None)
    first = service.submit(session, "test.rate", "rate", by="ann")
    with pytest.raises(service.AlreadyOpen):
        service.submit(session, "test.rate", "rate", by="bob")
    service.submit(session, "test.rate", "other", by="bob")
    service.withdraw(session, first.id, by="ann")
    service.submit(session, "test.rate", "rate", by="bob")
    assert count(session) == 3


def test_unknown_kind_and_nobody_are_refused(session: Session) -> None:
    with pytest.raises(service.UnknownKind):
        service.submit(session, "test.none", "x", by="ann")
    service.register("test.rate", "Rate", None)
    with pytest.raises(service.ApprovalError, match="need a person"):
        service.submit(session, "test.rate", "x", by="  ")


def test_what_is_carried_out_later_is_finished_or_failed_and_tried_again(session: Session) -> None:
    service.register("test.purge", "Purge", None)
    request = service.submit(session, "test.purge", "x", by="ann")
    with pytest.raises(service.NotPending):
        service.finish(session, request.id)
    assert service.approve(session, request.id, by="bob").state == "approved"
    assert service.finish(session, request.id, error="disk full").outcome == "disk full"
    done = service.finish(session, request.id)
    assert (done.state, done.outcome) == ("applied", "")
    with pytest.raises(service.NotPending):
        service.finish(session, request.id)


def test_two_deciders_at_once_make_the_change_once(engine: Engine, session: Session) -> None:
    made: list[str] = []
    service.register("test.rate", "Rate", lambda _, request: made.append(str(request.decided_by)))
    number = service.submit(session, "test.rate", "rate", by="ann").id
    session.commit()
    gate = threading.Barrier(2)
    answers: list[str] = []

    def decide(name: str) -> None:
        with Session(engine) as mine:
            gate.wait()
            try:
                service.approve(mine, number, by=name)
                mine.commit()
                answers.append("made")
            except (service.NotPending, OperationalError) as error:
                answers.append(type(error).__name__)

    both = [threading.Thread(target=decide, args=(name,)) for name in ("bob", "cat")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert sorted(answers) == ["NotPending", "made"]
    assert len(made) == 1
