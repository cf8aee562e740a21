"""Switching modules under load: what happens to the requests of people who are working.

Two workers, eight signed-in clients for a minute, while the customers module and what requires it is switched off and
on, and a third-party plugin is installed, upgraded and purged. Counts every request that failed.

    python tests/bench/switch.py [--size 1k] [--switches 20] [--json]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kit import ROOT, Client, Server, crm, prepare, report, serving, summary

DIST = ROOT / "tests" / "fixtures" / "dist"
PATHS = ("/", "/help", "/customers/", "/customers/?q=zhang", "/search?q=zhang")
USERS = ("rm01", "rm02", "rm03", "rm04", "head01", "retail", "corp", "comp")


@dataclass
class Load:
    """Eight people clicking without pause. ``answers`` holds (moment, seconds, status or error)."""

    port: int
    answers: list[tuple[float, float, Any]] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Sign everybody in, then let them click."""
        for user in USERS:
            client = Client(self.port).sign_in(user)
            self.threads.append(threading.Thread(target=self._click, args=(client,)))
        for thread in self.threads:
            thread.start()

    def _click(self, client: Client) -> None:
        turn = 0
        while not self.stopping.is_set():
            began = time.perf_counter()
            outcome: Any
            try:
                outcome = client.get(PATHS[turn % len(PATHS)]).status
            except OSError as error:
                outcome = type(error).__name__
            self.answers.append((began, time.perf_counter() - began, outcome))
            turn += 1

    def stop(self) -> None:
        """Wait for the last click."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def between(self, start: float, end: float) -> dict[str, Any]:
        """Failures and the longest stall of the requests that were open in that time."""
        open_then = [a for a in self.answers if a[0] <= end and a[0] + a[1] >= start]
        failed = [a for a in open_then if not isinstance(a[2], int) or a[2] >= 500]
        return {
            "requests": len(open_then),
            "failed": len(failed),
            "kinds": sorted({str(a[2]) for a in failed}),
            "longest_s": round(max((a[1] for a in open_then), default=0.0), 2),
        }


def switches(server: Server, count: int) -> dict[str, Any]:
    """Switch customers and what requires it off and on, ``count`` times in all."""
    took, stale = [], 0
    watcher = Client(server.port).sign_in("data")
    for turn in range(count):
        to, wanted = ("disable", 404) if turn % 2 == 0 else ("enable", 200)
        began = time.perf_counter()
        names = ("acme_visits", "customers") if to == "disable" else ("customers", "acme_visits")
        for name in names:
            crm(server.environment, "plugin", to, name, "--by", "sysadmin", "--reason", "benchmark")
        took.append((time.perf_counter() - began) * 1000)
        stale += sum(watcher.get("/customers/").status != wanted for _ in range(6))
    return {"switch_ms_with_two_process_starts": summary(took), "requests_that_saw_the_old_state": stale}


def install(server: Server, version: str, site: str) -> None:
    """Put that version of the third-party plugin where the server finds it, then restart its workers in turn."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--upgrade"]
    subprocess.run([*pip, "--target", site, str(DIST / version)], check=True, capture_output=True)
    rolling_restart(server)


def rolling_restart(server: Server) -> None:
    """SIGHUP, then wait until every old worker has gone."""
    before = set(server.workers())
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        now = set(server.workers())
        if not now & before and len(now) >= 2:
            return
        time.sleep(0.05)
    raise SystemExit("old workers are still there")


def third_party(server: Server, load: Load, site: str) -> dict[str, Any]:
    """Install, upgrade and purge under load; the figures of each step."""
    result: dict[str, Any] = {}

    def step(name: str, *calls: Any) -> None:
        began = time.perf_counter()
        for call in calls:
            call()
        result[name] = {"seconds": round(time.perf_counter() - began, 1), **load.between(began, time.perf_counter())}

    by = ("--by", "sysadmin", "--reason", "benchmark")
    environment = server.environment
    step(
        "install",
        lambda: install(server, "acme_visits", site),
        lambda: crm(environment, "plugin", "enable", "acme_visits", *by),
    )
    step("upgrade", lambda: install(server, "acme_visits_2", site), lambda: crm(environment, "migrate"))
    step("purge", lambda: purge(environment), lambda: rolling_restart(server))
    return result


def purge(environment: dict[str, str]) -> None:
    """Two people purge the plugin, each with an account of the operating system."""
    import json

    words = ("plugin", "purge", "acme_visits", "--json")
    asked = subprocess.run(
        [sys.executable, "-m", "core.cli", *words, "--by", "sysadmin", "--reason", "benchmark"],
        cwd=ROOT,
        env={**environment, "LOGNAME": "bench-system"},
        capture_output=True,
        text=True,
    )
    if asked.returncode != 3:
        raise SystemExit(f"purge: {asked.returncode} {asked.stdout} {asked.stderr[-2000:]}")
    request = str(json.loads(asked.stdout)["request"])
    crm({**environment, "LOGNAME": "bench-security"}, *words, "--approve", request, "--by", "secadmin")


def main() -> None:
    """Run and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", default="1k")
    arguments.add_argument("--switches", type=int, default=20)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as site:
        environment = prepare(Path(folder), given.size)
        environment["PYTHONPATH"] = os.pathsep.join([site, str(ROOT)])
        environment["CRM_WORKERS"] = "2"
        with serving(environment) as server:
            load = Load(server.port)
            load.start()
            began = time.perf_counter()
            try:
                steps = third_party(server, load, site)
                install(server, "acme_visits", site)
                crm(environment, "plugin", "enable", "acme_visits", "--by", "sysadmin", "--reason", "benchmark")
                start = time.perf_counter()
                steps["switches"] = switches(server, given.switches)
                steps["switches"] |= load.between(start, time.perf_counter())
                time.sleep(max(0.0, 60 - (time.perf_counter() - began)))
            finally:
                load.stop()
            steps["whole"] = load.between(began, time.perf_counter())
    report(steps)


if __name__ == "__main__":
    main()
