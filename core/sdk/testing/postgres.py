"""A throw-away PostgreSQL server for the tests: one for all workers of a test run, gone when the run is gone.

This file also runs as a script, apart from the tests: the *keeper* starts the server, waits until the process that owns
the test run has ended, in whatever way, and then stops the server and removes its folder. It therefore imports nothing
but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

INSTALL = "apt-get install -y postgresql"
START_SECONDS = 60
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": "300",
    "log_min_messages": "fatal",
}


def binaries() -> Path | None:
    """Folder that holds ``initdb`` and ``postgres``: from PATH, else the newest Debian one; None when there is none."""
    folders = [Path(p) for p in os.environ.get("PATH", "").split(os.pathsep) if p]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for folder in [*folders, *debian]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return (folder / "initdb").resolve().parent  # a link's neighbours need not be there
    return None


def _version(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0.0


def url(folder: Path, database: str = "postgres") -> str:
    """SQLAlchemy URL of one database of the server in ``folder``; over its unix socket, so no port can clash."""
    return f"postgresql+psycopg://{_account().pw_name}@/{database}?host={folder}"


def dsn(folder: Path) -> str:
    """How libpq reaches the server in ``folder``, its maintenance database."""
    return f"host={folder} user={_account().pw_name} dbname=postgres"


def start(folder: Path, owner: int) -> None:
    """Start the server in ``folder`` and return when it answers. It lives until the process ``owner`` ends.

    Raises:
        RuntimeError: PostgreSQL is missing or does not start; the message holds what its log says.
    """
    if binaries() is None:
        raise RuntimeError(f"PostgreSQL is not installed: {INSTALL}")
    log = folder / "keeper.log"
    with log.open("wb") as out:
        keeper = subprocess.Popen(  # noqa: S603
            [sys.executable, __file__, str(folder), str(owner)], stdout=out, stderr=out, start_new_session=True
        )
    end = time.monotonic() + START_SECONDS
    while not _answers(folder):
        if keeper.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _answers(folder: Path) -> bool:
    import psycopg

    try:
        psycopg.connect(dsn(folder)).close()
    except psycopg.OperationalError:
        return False
    return True


def _account() -> pwd.struct_passwd:
    """Whom the server runs as: PostgreSQL refuses root, so then its own user."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("root needs a user named postgres to run PostgreSQL as")


def _as_account() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = _account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _keep(folder: Path, owner: int) -> None:
    tool = binaries()
    if tool is None:
        raise RuntimeError(INSTALL)
    watch = os.pidfd_open(owner) if hasattr(os, "pidfd_open") else None
    server = _launch(tool, folder)
    try:
        _wait_for_end(owner, watch, server)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _launch(tool: Path, folder: Path) -> subprocess.Popen[bytes]:
    data = folder / "data"
    data.mkdir(mode=0o700)
    folder.chmod(0o711)  # the server's user has to reach its own folder, and nobody to list it
    if os.geteuid() == 0:
        os.chown(folder, _account().pw_uid, _account().pw_gid)
        os.chown(data, _account().pw_uid, _account().pw_gid)
    make = [str(tool / "initdb"), "-D", str(data), "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
    subprocess.run([*make, "-U", _account().pw_name], check=True, cwd=folder, **_as_account())  # noqa: S603
    options = [f"--{name}={value}" for name, value in SETTINGS.items()]
    serve = [str(tool / "postgres"), "-D", str(data), f"--unix_socket_directories={folder}", *options]
    return subprocess.Popen(serve, cwd=folder, **_as_account())  # noqa: S603


def _wait_for_end(owner: int, watch: int | None, server: subprocess.Popen[bytes]) -> None:
    if watch is not None:
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        while server.poll() is None and not poll.poll(5000):
            continue
        return
    while server.poll() is None:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            return
        time.sleep(1)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]))
