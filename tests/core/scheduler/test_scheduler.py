"""Jobs run once, end in time, and outlive the process that started them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from core.db.session import system_session
from core.db.types import now
from core.scheduler import lease, runs
from core.scheduler.child import LEASE, LostLease, RunningJob, run_one
from core.scheduler.models import JobRow, Run

from .conftest import Jobs, add, claim, queue, state_of


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

    def test_a_run_that_lost_its_lease_is_left_to_whoever_leads_now(self, app: Flask, jobs: Jobs) -> None:
        def lose(run: Any) -> None:
            raise LostLease("a.work")

        add(jobs, run=lose)
        run_id = queue(app)
        claim(self.hold())
        assert run_one(run_id) == "killed"
        assert state_of(run_id).state == "running"
        with system_session("test") as session:
            assert len(runs.adopt(session, 2)) == 1

    @pytest.mark.parametrize("ends", ["done", "failed"])
    def test_a_session_left_open_does_not_keep_the_end_from_being_written(
        self, app: Flask, jobs: Jobs, ends: str
    ) -> None:
        opened = []

        def forgetful(run: Any) -> None:
            opened.append(run.session())
            opened[0].execute(update(Run).values(message="never committed"))
            if ends == "failed":
                raise ValueError("in the middle")

        add(jobs, run=forgetful)
        run_id = queue(app)
        claim(self.hold())
        assert run_one(run_id) == ends
        assert not opened[0].in_transaction()
        assert state_of(run_id).message in {"", "ValueError: in the middle"}
