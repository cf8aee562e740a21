"""Jobs run once, end in time, and outlive the process that started them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.config import load
from core.contract import Job
from core.contract.protocols import Runtime
from core.db import session as db_session
from core.db.base import metadata
from core.db.session import system_session
from core.db.types import now
from core.extensions import db
from core.scheduler import lease, runs
from core.scheduler.child import LEASE, LostLease, RunningJob, run_one
from core.scheduler.leader import Leader
from core.scheduler.models import JobRow, Lease, Run


class Jobs:
    """A registry that knows jobs only."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, Job]] = []

    def of(self, hook: str, snapshot: Any = None) -> tuple[tuple[str, Any], ...]:
        return tuple(self.jobs) if hook == "crm_jobs" else ()


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


@pytest.fixture
def app(tmp_path: Path, jobs: Jobs) -> Iterator[Flask]:
    config = load({"instance": tmp_path, "testing": True}, environ={})
    app = Flask("scheduler")
    app.config.update(CRM=config, SQLALCHEMY_DATABASE_URI=config.database_url, SECRET_KEY="x" * 32)
    db.init_app(app)
    db_session.init_app(app)
    dispatch = SimpleNamespace(deliver=lambda limit=100: [])
    app.extensions["crm"] = Runtime(jobs, dispatch, lambda: None)  # type: ignore[arg-type]
    with app.app_context():
        metadata.create_all(db.engine, tables=[t.__table__ for t in (Lease, JobRow, Run)])  # type: ignore[misc]
        yield app
        db.engine.dispose()


def add(jobs: Jobs, name: str = "a.work", **values: Any) -> None:
    given = {"run": lambda run: None, "schedule": "0 2 * * *", "time_limit": 60, **values}
    jobs.jobs.append(("a", Job(name, name, **given)))


def state_of(run_id: int) -> Run:
    with system_session("test") as session:
        return session.execute(select(Run).where(Run.id == run_id)).scalar_one()


def queue(app: Flask, name: str = "a.work") -> int:
    with system_session("test") as session:
        runs.sync(session, "Asia/Shanghai")
        run_id = runs.enqueue(session, name, date(2026, 11, 20), "test")
        session.commit()
    return run_id


def claim(fence: int = 1) -> list[int]:
    with system_session("test") as session:
        claimed = [run.id for run in runs.claim(session, fence)]
        session.commit()
    return claimed


class TestLease:
    def test_only_one_holds_it(self, app: Flask) -> None:
        with system_session("a") as one, system_session("b") as two:
            assert lease.acquire(one, "x", "first", 30) == 1
            assert lease.acquire(two, "x", "second", 30) is None
            assert lease.acquire(one, "x", "first", 30) == 1, "renewing keeps the token"

    def test_a_new_holder_gets_a_higher_token(self, app: Flask) -> None:
        with system_session("a") as session:
            old = lease.acquire(session, "x", "first", 30)
            lease.release(session, "x", "first")
            new = lease.acquire(session, "x", "second", 30)
            assert old is not None and new == old + 1
            assert lease.token_holds(session, "x", new)
            assert not lease.token_holds(session, "x", old)

    def test_an_expired_lease_of_the_same_holder_gets_a_new_token(self, app: Flask) -> None:
        """Somebody may have led in between and gone again; work begun before must not go on."""
        with system_session("a") as session:
            assert lease.acquire(session, "x", "first", -1) == 1
            assert lease.acquire(session, "x", "first", 30) == 2


class TestDue:
    def test_schedules_follow_the_banks_clock(self) -> None:
        due = runs.next_due("0 2 * * *", "Asia/Shanghai", datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
        assert due is not None and due.astimezone(UTC) == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)

    def test_a_line_that_is_no_schedule_is_refused(self) -> None:
        with pytest.raises(ValueError):
            runs.next_due("every day", "Asia/Shanghai")

    def test_what_fell_due_while_nobody_led_runs_once(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        with system_session("test") as session:
            runs.sync(session, "Asia/Shanghai")
            session.execute(update(JobRow).values(next_due=now() - timedelta(days=3)))
            assert len(runs.enqueue_due(session, "Asia/Shanghai")) == 1
            assert runs.enqueue_due(session, "Asia/Shanghai") == []
            assert session.execute(select(JobRow.next_due)).scalar_one() > now()

    def test_a_paused_job_and_one_of_a_module_that_is_off_do_not_run(self, app: Flask, jobs: Jobs) -> None:
        add(jobs, "a.paused")
        add(jobs, "a.off")
        with system_session("test") as session:
            runs.sync(session, "Asia/Shanghai")
            session.execute(update(JobRow).values(next_due=now() - timedelta(hours=1)))
            session.execute(update(JobRow).where(JobRow.name == "a.paused").values(paused=True))
            jobs.jobs.clear()
            assert runs.enqueue_due(session, "Asia/Shanghai") == []

    def test_what_it_changed_stays(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        with system_session("test") as session:
            runs.sync(session, "Asia/Shanghai")
            session.execute(update(JobRow).values(schedule="5 5 * * *"))
            runs.sync(session, "Asia/Shanghai")
            assert session.execute(select(JobRow.schedule)).scalar_one() == "5 5 * * *"


class TestClaim:
    def test_one_run_of_a_job_at_a_time(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        first, second = queue(app), queue(app)
        assert claim() == [first]
        assert claim() == []
        with system_session("test") as session:
            assert runs.finish(session, first, "done")
            assert not runs.finish(session, first, "failed"), "an end is final"
            session.commit()
        assert claim() == [second]

    def test_a_new_leader_adopts_what_the_old_one_left(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        first = queue(app)
        claim(fence=1)
        with system_session("test") as session:
            again = runs.adopt(session, 2)
            session.commit()
        assert state_of(first).state == "killed"
        assert len(again) == 1 and state_of(again[0]).state == "queued"

    def test_retries_end(self, app: Flask, jobs: Jobs) -> None:
        add(jobs, retries=1)
        first = queue(app)
        with system_session("test") as session:
            second = runs.retry(session, first)
            assert second is not None
            assert runs.retry(session, second) is None


class TestChild:
    def hold(self, token_of: str = "me") -> int:
        with system_session("test") as session:
            token = lease.acquire(session, LEASE, token_of, 60)
            assert token is not None
            return token

    def test_a_run_ends_done(self, app: Flask, jobs: Jobs) -> None:
        seen = []
        add(jobs, run=lambda run: (seen.append(run.business_date), run.progress(3, 7, "rows")))
        run_id = queue(app)
        claim(self.hold())
        assert run_one(run_id) == "done"
        assert seen == [date(2026, 11, 20)]
        ended = state_of(run_id)
        assert (ended.state, ended.done, ended.total) == ("done", 3, 7)

    def test_a_run_that_raises_keeps_its_trace(self, app: Flask, jobs: Jobs) -> None:
        def fail(run: Any) -> None:
            raise ValueError("no such branch")

        add(jobs, run=fail)
        run_id = queue(app)
        claim(self.hold())
        assert run_one(run_id) == "failed"
        ended = state_of(run_id)
        assert ended.message == "ValueError: no such branch"
        assert "Traceback" in ended.log

    def test_a_job_of_a_module_that_was_switched_off_is_skipped(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        run_id = queue(app)
        claim(self.hold())
        jobs.jobs.clear()
        assert run_one(run_id) == "skipped"

    def test_a_commit_after_the_lease_is_lost_is_refused(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        run_id = queue(app)
        claim(self.hold("old"))
        running = RunningJob(state_of(run_id))
        with system_session("test") as session:
            lease.release(session, LEASE, "old")
        self.hold("new")
        with running.session() as session:
            session.execute(update(Run).values(message="written too late"))
            with pytest.raises(LostLease):
                session.commit()
            session.rollback()
        assert state_of(run_id).message == ""


def sleeper(seconds: int) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import time; time.sleep({seconds})")


def wait_until(true: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class TestLeader:
    def test_a_job_that_never_ends_is_killed(self, app: Flask, jobs: Jobs) -> None:
        add(jobs, time_limit=1)
        run_id = queue(app)
        leader = Leader(app, command=sleeper(600))
        leader.tick()
        process = leader.children[run_id].process
        leader.children[run_id].deadline = time.monotonic() - 1
        leader.tick()
        assert process.poll() == -signal.SIGKILL
        ended = state_of(run_id)
        assert (ended.state, ended.message) == ("killed", "over its time limit")

    def test_a_child_that_dies_is_recorded_and_tried_again(self, app: Flask, jobs: Jobs) -> None:
        add(jobs, retries=1)
        run_id = queue(app)
        leader = Leader(app, command=sleeper(600))
        leader.tick()
        os.kill(leader.children[run_id].process.pid, signal.SIGKILL)
        wait_until(lambda: leader.children[run_id].process.poll() is not None)
        leader.tick()
        assert state_of(run_id).state == "failed"
        assert state_of(run_id + 1).attempt == 2
        leader.stop()

    def test_only_the_elected_one_starts_jobs(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        first, second = Leader(app, command=sleeper(600)), Leader(app, command=sleeper(600))
        first.tick()
        run_id = queue(app)
        second.tick()
        assert second.token is None and not second.children
        first.tick()
        assert run_id in first.children
        first.stop()
        second.tick()
        assert second.token is not None, "a clean stop hands over at once"
        second.stop()

    def test_losing_the_lease_ends_what_runs(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        run_id = queue(app)
        leader = Leader(app, command=sleeper(600))
        leader.tick()
        process = leader.children[run_id].process
        with system_session("test") as session:
            session.execute(update(Lease).values(holder="another", token=99, until=now() + timedelta(minutes=1)))
            session.commit()
        leader.tick()
        assert process.poll() is not None and not leader.children
