"""What the benchmarks share: a real server in a folder of its own, clients that sign in, figures."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "Bench-only-8842"  # of a server that lives for one benchmark on loopback
SIZES = {"1k": 1_000, "20k": 20_000, "100k": 100_000, "1m": 1_000_000, "5m": 5_000_000}


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def crm(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Run one ``crm`` command to its end; fails the benchmark when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "core.cli", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"crm {' '.join(words)}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done


@dataclass
class Server:
    """A served instance. ``process`` is the gunicorn master."""

    environment: dict[str, str]
    port: int
    process: subprocess.Popen[bytes]
    started_in: float

    def workers(self) -> list[int]:
        """Process numbers of the web workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        lines = {int(pid): _command_line(pid) for pid in children}
        return [pid for pid, line in lines.items() if line and b"core.cli\0scheduler" not in line]

    def resident(self) -> list[float]:
        """Resident memory of each worker, in MB."""
        return [
            int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024  # type: ignore[union-attr]
            for pid in self.workers()
        ]


def _command_line(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""  # it ended between the two looks


def prepare(folder: Path, size: str, database_url: str = "") -> dict[str, str]:
    """An instance with the demo users and a sample bank of that size; the environment to run it in."""
    environment = {
        **os.environ,
        "CRM_INSTANCE": str(folder),
        "CRM_TRAINING": "1",
        "CRM_DEMO_PASSWORD": PASSWORD,
        "CRM_PORT": str(free_port()),
    }
    if database_url:
        environment["CRM_DATABASE_URL"] = database_url
    crm(environment, "demo", "--customers", str(SIZES[size]))
    return environment


@contextmanager
def serving(environment: dict[str, str], *flags: str) -> Iterator[Server]:
    """``crm serve`` until the block ends; ready when the first page is answered."""
    port = int(environment["CRM_PORT"])
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "core.cli", "serve", *flags], cwd=ROOT, env=environment)
    try:
        _wait(port, process)
        yield Server(environment, port, process, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}")
        try:
            if Client(port).get("/healthz").status == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the server gave no answer")


@dataclass
class Answer:
    """One answer and how long it took, in seconds."""

    status: int
    body: bytes
    seconds: float
    location: str = ""


@dataclass
class Client:
    """A browser's worth of HTTP: cookies, redirects by hand, a new connection for each request."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        """GET, timed from connect to the last byte."""
        return self._send("GET", path, None, headers)

    def post(self, path: str, values: dict[str, str], **headers: str) -> Answer:
        """POST of a form."""
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        return self._send("POST", path, urllib.parse.urlencode(values), headers)

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {**headers, "Connection": "close"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _, value = line.split(";", 1)[0].partition("=")
            self.cookies[name] = value
        return Answer(response.status, content, time.perf_counter() - began, response.headers.get("Location", ""))

    def token(self, path: str) -> str:
        """The CSRF token of the form on that page."""
        page = self.get(path).body.decode()
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        if not found:
            raise SystemExit(f"no form on {path}")
        return found.group(1)

    def sign_in(self, username: str) -> Client:
        """Sign in as a demo user."""
        answer = self.post(
            "/sign-in", {"csrf_token": self.token("/sign-in"), "username": username, "password": PASSWORD}
        )
        if answer.status not in (302, 303):
            raise SystemExit(f"sign-in as {username}: {answer.status}")
        return self


def timed(count: int, call: Callable[[], Answer]) -> list[float]:
    """Milliseconds of ``count`` calls, each of which must answer 200."""
    times = []
    for _ in range(count):
        answer = call()
        if answer.status != 200:
            raise SystemExit(f"answer {answer.status}: {answer.body[:300]!r}")
        times.append(answer.seconds * 1000)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile, rounded to 0.1."""
    ordered = sorted(times)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95) - 1], 1),
        "count": len(ordered),
    }


def report(result: dict[str, Any]) -> None:
    """Print the figures for people, then the JSON object for machines on the last line."""
    for name, value in result.items():
        print(f"{name:32} {value}")
    print(json.dumps(result, ensure_ascii=False))
