"""``crm demo`` and ``crm serve --demo`` as people start them: processes of their own, on a copy of the tree."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import until

ROOT = Path(__file__).resolve().parents[3]
CUSTOMERS = 400
"""Enough for the dirt in the practice files to stay below what holds a file back."""


class Crm:
    """The ``crm`` command of one copy of the tree, with an instance folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.instance = folder / "tree", folder / "instance"
        for name in ("core", "plugins", "themes", "migrations", "translations"):
            leave = shutil.ignore_patterns("__pycache__", "node_modules", ".git")
            shutil.copytree(ROOT / name, self.tree / name, ignore=leave)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        own = {"INSTANCE": str(self.instance), "PORT": str(self.port), "TRAINING": "1", "WORKERS": "1"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CRM_")}
        # Without bytecode, a file changed within the same second is still seen to be new.
        self.environment = {**kept, "PYTHONDONTWRITEBYTECODE": "1", **{f"CRM_{k}": v for k, v in own.items()}}
        self.server: subprocess.Popen[bytes] | None = None

    def run(self, *arguments: str) -> str:
        """A command that ends; its output."""
        # A umask that lets everybody read: what keeps strangers out must be the command's own doing.
        command = [sys.executable, "-m", "core.cli", *arguments]
        done = subprocess.run(
            command, cwd=self.tree, env=self.environment, capture_output=True, text=True, umask=0o022, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    def serve(self) -> subprocess.Popen[bytes]:
        """``crm serve --demo``, up when this returns."""
        with (self.instance / "serve.log").open("ab") as log:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "core.cli", "serve", "--demo"],
                cwd=self.tree,
                env=self.environment,
                stdout=log,
                stderr=log,
                umask=0o022,
            )
        assert until(lambda: self.get("/healthz")[0] == 200, 120), (self.instance / "serve.log").read_text()[-3000:]
        return self.server

    def get(self, path: str) -> tuple[int, str]:
        """Status and text; 0 when there was no answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.instance / "crm.db") as connection:
            return connection.execute(statement).fetchall()

    def count(self, table: str) -> int:
        with sqlite3.connect(self.instance / "crm.db") as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def scheduler(self) -> int | None:
        """Process id of the scheduler beside the server."""
        assert self.server is not None
        pid = self.server.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(FileNotFoundError):  # it may end between the two looks
                if b"scheduler" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        return None

    def stop(self) -> None:
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(30)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crm]:
    """After ``crm demo``; the tests below run in order, on what the ones before have left (``--dist loadfile``)."""
    crm = Crm(tmp_path_factory.mktemp("served"))
    crm.run("demo", "--customers", str(CUSTOMERS))
    yield crm
    crm.stop()


def test_demo_prepares_users_and_a_loaded_bank(crm: Crm) -> None:
    users = crm.count("core_user")
    listed = [line for line in (crm.instance / "demo-users.txt").read_text().splitlines() if not line.startswith("#")]
    assert users == len(listed) > 15
    assert crm.count("customers_party") >= CUSTOMERS
    assert crm.count("core_partition")


def test_demo_a_second_time_repeats_nothing(crm: Crm) -> None:
    users = (crm.instance / "demo-users.txt").read_text()
    before = crm.count("core_user"), crm.count("customers_party")
    crm.run("demo", "--customers", str(CUSTOMERS * 2))
    assert (crm.count("core_user"), crm.count("customers_party")) == before
    assert (crm.instance / "demo-users.txt").read_text() == users


def test_serve_demo_shows_the_sign_in_page_and_files_are_their_owners_only(crm: Crm) -> None:
    crm.serve()
    status, page = crm.get("/")
    assert status == 200
    assert re.search(r'name="password"', page)
    assert until(lambda: crm.count("core_lease"))  # the scheduler has begun
    open_to_others = [
        str(path.relative_to(crm.instance))
        for path in crm.instance.rglob("*")
        if path.name != "serve.log" and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_to_others == []


def test_hup_loads_changed_code_of_a_plugin_of_the_tree(crm: Crm) -> None:
    assert crm.server is not None
    scheduler, leading = crm.scheduler(), crm.rows("SELECT holder FROM core_lease")
    assert crm.get("/system/mark")[0] == 404
    views = crm.tree / "plugins" / "system" / "views" / "modules.py"
    new = '\n\n@bp.get("/mark")\n@public("a test looks at it")\ndef mark() -> str:\n    return "new code"\n'
    text = views.read_text("utf-8").replace("from core.sdk.web import ", "from core.sdk.web import public, ", 1)
    views.write_text(text + new, "utf-8")
    crm.server.send_signal(signal.SIGHUP)
    assert until(lambda: crm.get("/system/mark") == (200, "new code"))
    assert crm.server.poll() is None
    # The scheduler has begun anew, as the process it was: another holder leads.
    assert until(lambda: crm.rows("SELECT holder FROM core_lease") != leading)
    assert crm.scheduler() == scheduler


def test_a_scheduler_that_dies_is_started_again(crm: Crm) -> None:
    dead = crm.scheduler()
    assert dead is not None
    os.kill(dead, signal.SIGKILL)
    assert until(lambda: crm.scheduler() not in {None, dead})


def test_the_scheduler_ends_with_its_killed_server_and_a_second_start_keeps_the_data(crm: Crm) -> None:
    assert crm.server is not None
    assert until(crm.scheduler)
    scheduler = crm.scheduler()
    crm.server.kill()
    crm.server.wait(10)
    assert until(lambda: not Path(f"/proc/{scheduler}").exists() or _is_zombie(scheduler))
    assert until(lambda: crm.get("/healthz")[0] == 0)  # its workers have gone too
    users = crm.rows("SELECT username, password_hash FROM core_user ORDER BY id")
    crm.serve()
    assert crm.get("/")[0] == 200
    assert crm.rows("SELECT username, password_hash FROM core_user ORDER BY id") == users
    crm.stop()
    assert crm.server.returncode == 0


def _is_zombie(pid: int | None) -> bool:
    """Ended, and not yet collected by the process that has adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
