"""The leader loses no run, whatever fails, and the courier lives beside it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.db.session import system_session
from core.db.types import now
from core.scheduler import runs
from core.scheduler.leader import LEASE_SECONDS, Leader
from core.scheduler.models import JobRow, Lease, Run

from .conftest import Jobs, add, claim, queue, state_of

Lead = Callable[[Flask], Leader]


def raises(*_: object) -> None:
    raise RuntimeError("database is locked")


def sleeper(seconds: int) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import time; time.sleep({seconds})")


def wait_until(true: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


@pytest.fixture
def lead() -> Iterator[Lead]:
    """Makes leaders whose jobs and courier only sleep; what they started ends with the test."""
    made: list[Leader] = []

    def make(app: Flask) -> Leader:
        made.append(Leader(app, command=sleeper(600), courier=sleeper(600)))
        return made[-1]

    yield make
    for leader in made:
        leader.stop()


def overdue(app: Flask, jobs: Jobs, lead: Lead) -> tuple[Leader, int]:
    """A leader whose one running job is over its limit, and that run."""
    add(jobs)
    run_id = queue(app)
    leader = lead(app)
    leader.tick()
    leader.children[run_id].deadline = time.monotonic() - 1
    return leader, run_id


class TestLeader:
    def test_a_job_that_never_ends_is_killed(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs, time_limit=1)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        process = leader.children[run_id].process
        leader.children[run_id].deadline = time.monotonic() - 1
        leader.tick()
        assert process.poll() == -signal.SIGKILL
        ended = state_of(run_id)
        assert (ended.state, ended.message) == ("killed", "over its time limit")

    def test_a_child_that_dies_is_recorded_and_tried_again(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs, retries=1)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        os.kill(leader.children[run_id].process.pid, signal.SIGKILL)
        wait_until(lambda: leader.children[run_id].process.poll() is not None)
        leader.tick()
        assert state_of(run_id).state == "failed"
        assert state_of(run_id + 1).attempt == 2
        leader.stop()

    def test_only_the_elected_one_starts_jobs(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs)
        first, second = lead(app), lead(app)
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

    def test_losing_the_lease_ends_what_runs(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        process = leader.children[run_id].process
        with system_session("test") as session:
            session.execute(update(Lease).values(holder="another", token=99, until=now() + timedelta(minutes=1)))
            session.commit()
        leader.tick()
        assert process.poll() is not None and not leader.children

    def test_a_failed_round_costs_no_running_job(
        self, app: Flask, jobs: Jobs, lead: Lead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(jobs)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        with monkeypatch.context() as broken:
            broken.setattr(runs, "sync", raises)
            leader.tick()
        leader.tick()
        assert leader.children[run_id].process.poll() is None
        assert state_of(run_id).state == "running"

    def test_without_the_database_jobs_end_with_the_lease_and_are_queued_again(
        self, app: Flask, jobs: Jobs, lead: Lead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add(jobs)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        process = leader.children[run_id].process
        with monkeypatch.context() as broken:
            broken.setattr("core.scheduler.leader.acquire", raises)
            broken.setattr("core.scheduler.leader.time.monotonic", lambda: leader._until)
            leader.tick()
            assert process.poll() is not None and not leader.children
        leader.tick()  # the very same holder, perhaps with the very same token
        assert state_of(run_id).state == "killed"
        assert list(leader.children) == [run_id + 1]

    def test_a_lease_that_ran_out_unnoticed_ends_what_could_not_commit_any_more(
        self, app: Flask, jobs: Jobs, lead: Lead
    ) -> None:
        add(jobs)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        process = leader.children[run_id].process
        with system_session("test") as session:
            session.execute(update(Lease).values(until=now() - timedelta(seconds=LEASE_SECONDS)))
            session.commit()
        leader.tick()
        assert process.poll() is not None
        assert list(leader.children) == [run_id + 1]

    def test_an_end_that_could_not_be_written_is_written_later(
        self, app: Flask, jobs: Jobs, lead: Lead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leader, run_id = overdue(app, jobs, lead)
        with monkeypatch.context() as broken:
            broken.setattr(runs, "finish", raises)
            leader.tick()
        assert state_of(run_id).state == "running" and run_id in leader.children
        leader.tick()
        assert (state_of(run_id).state, state_of(run_id).message) == ("killed", "over its time limit")

    def test_no_job_outlives_its_limit_because_the_database_is_away(
        self, app: Flask, jobs: Jobs, lead: Lead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leader, run_id = overdue(app, jobs, lead)
        with monkeypatch.context() as broken:
            broken.setattr("core.scheduler.leader.acquire", raises)
            leader.tick()
        assert leader.children[run_id].process.poll() == -signal.SIGKILL

    def test_a_later_leaders_runs_are_left_alone(self, app: Flask, jobs: Jobs) -> None:
        add(jobs)
        run_id = queue(app)
        claim(fence=3)
        with system_session("test") as session:
            assert runs.adopt(session, 2) == []
        assert state_of(run_id).state == "running"

    def test_stopping_queues_what_ran_again(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs)
        run_id = queue(app)
        leader = lead(app)
        leader.tick()
        leader.stop()
        assert (state_of(run_id).state, state_of(run_id + 1).state) == ("killed", "queued")

    def test_a_schedule_nobody_can_read_costs_its_own_job_only(self, app: Flask, jobs: Jobs, lead: Lead) -> None:
        add(jobs, "a.bad")
        add(jobs, "b.good")
        with system_session("test") as session:
            runs.sync(session, "Asia/Shanghai")
            session.execute(update(JobRow).values(next_due=now() - timedelta(seconds=1)))
            session.execute(update(JobRow).where(JobRow.name == "a.bad").values(schedule="0 2 * * moonday"))
            session.commit()
        leader = lead(app)
        leader.tick()
        with system_session("test") as session:
            due = {row.name: row.next_due for row in session.execute(select(JobRow.name, JobRow.next_due))}
            assert due["a.bad"] is None and due["b.good"] > now()
            assert "b.good" in session.scalars(select(Run.job).where(Run.state == "running")).all()
            session.execute(update(JobRow).where(JobRow.name == "a.bad").values(schedule="0 2 * * mon"))
            session.commit()
        leader.tick()
        with system_session("test") as session:
            mended = session.scalars(select(JobRow.next_due).where(JobRow.name == "a.bad")).one()
            assert mended is not None and mended > now()


class TestCourier:
    def test_it_runs_beside_the_leader_and_is_started_again(
        self, app: Flask, lead: Lead, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        leader = lead(app)
        leader.tick()
        first = leader._courier
        assert first is not None and first.poll() is None
        leader.tick()
        assert leader._courier is first
        first.kill()
        first.wait()
        leader.tick()
        assert leader._courier is first, "not at once: one that cannot start must not eat the machine"
        leader._courier_began -= 60
        leader.tick()
        assert leader._courier is not None and leader._courier.poll() is None

    def test_it_ends_with_the_lease(self, app: Flask, lead: Lead) -> None:
        leader = lead(app)
        leader.tick()
        process = leader._courier
        with system_session("test") as session:
            session.execute(update(Lease).values(holder="another", token=99, until=now() + timedelta(minutes=1)))
            session.commit()
        leader.tick()
        assert process is not None and process.poll() is not None
