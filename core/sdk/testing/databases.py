"""Databases for tests: each test gets its own, copied from a template that is built once in a test run."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.sdk.testing import postgres

RUN = "CRM_TEST_RUN"
"""Folder of the test run, in the environment, so that xdist workers and test runs inside tests share one server."""

Prepare = Callable[[str], None]
Made = tuple[str, Callable[[], None]]


@dataclass(frozen=True, slots=True)
class TestRun:
    """The folder all processes of one test run share. ``owner`` is the process that ends last."""

    __test__ = False

    folder: Path
    owner: int

    @classmethod
    def join(cls) -> tuple[TestRun, bool]:
        """The run of this process, and whether this process has just begun it."""
        known = os.environ.get(RUN, "")
        if known:
            folder, owner = known.rsplit(":", 1)
            if Path(folder).is_dir():
                return cls(Path(folder), int(owner)), False
        run = cls(Path(tempfile.mkdtemp(prefix="crm-test-")), os.getpid())
        run.folder.chmod(0o711)  # PostgreSQL's own user passes through here
        os.environ[RUN] = f"{run.folder}:{run.owner}"
        return run, True

    def leave(self) -> None:
        """End the run. A server's keeper tidies up the server by itself."""
        os.environ.pop(RUN, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def once(self, name: str) -> Iterator[bool]:
        """Hold the lock ``name`` among all processes of the run; True for the first that gets through without error."""
        done = self.folder / f"{name}.done"
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield not done.exists()
            done.touch()

    @property
    def server(self) -> Path:
        """Folder of the PostgreSQL server; apart, because its keeper removes it."""
        return self.folder.with_name(self.folder.name + "-pg")


def create(run: TestRun, kind: str, recipe: str, prepare: Prepare | None, folder: Path) -> Made:
    """A new database of ``kind`` (sqlite, postgresql), with what ``prepare(url)`` put into the template ``recipe``.

    Returns the URL and a function that drops the database again.
    """
    if kind == "sqlite":
        return _sqlite(run, recipe, prepare, folder)
    return _postgresql(run, recipe, prepare)


def _sqlite(run: TestRun, recipe: str, prepare: Prepare | None, folder: Path) -> Made:
    target = folder / f"crm-{uuid.uuid4().hex[:8]}.db"
    if prepare is not None:
        template = run.folder / f"{recipe}.db"
        with run.once(f"sqlite-{recipe}") as first:
            if first:
                template.unlink(missing_ok=True)
                prepare(f"sqlite:///{template}")
                with contextlib.closing(sqlite3.connect(template)) as connection:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(template, target)
    return f"sqlite:///{target}", lambda: _remove(target)


def _remove(target: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)


def _postgresql(run: TestRun, recipe: str, prepare: Prepare | None) -> Made:
    with run.once("server") as first:
        if first:
            shutil.rmtree(run.server, ignore_errors=True)
            run.server.mkdir(mode=0o711)
            postgres.start(run.server, run.owner)
    template = "template1"
    if prepare is not None:
        template = f"template_{recipe}"
        with run.once(f"postgresql-{recipe}") as first:
            if first:
                _statement(run, f'DROP DATABASE IF EXISTS "{template}" WITH (FORCE)')
                _statement(run, f'CREATE DATABASE "{template}"')
                prepare(postgres.url(run.server, template))
                _statement(run, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{template}'")
    name = f"crm_{uuid.uuid4().hex[:12]}"
    _statement(run, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return postgres.url(run.server, name), lambda: _statement(run, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _statement(run: TestRun, sql: str) -> None:
    import psycopg

    with psycopg.connect(postgres.dsn(run.server), autocommit=True) as link:
        link.execute(sql.encode())
