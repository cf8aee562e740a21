"""A small app with nothing but the scheduler on it, and a registry that knows jobs only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from core.config import load
from core.contract import Job
from core.contract.protocols import Runtime
from core.db import session as db_session
from core.db.base import metadata
from core.db.session import system_session
from core.extensions import db
from core.scheduler import runs
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
    app.extensions["crm"] = Runtime(jobs, None, lambda: None)  # type: ignore[arg-type]
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
