"""Start, memory and page times, each beside a bare Flask route of the same size served the same way.

python tests/bench/shell.py --size 20k [--db postgresql URL] [--rounds 300]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kit import Client, Server, free_port, prepare, report, serving, summary, timed

BARE = """
import sys
from flask import Flask
from gunicorn.app.base import BaseApplication
app = Flask("bare")
page = "x" * int(sys.argv[2])
app.add_url_rule("/", view_func=lambda: page)
class Bare(BaseApplication):
    def load_config(self):
        for name, value in dict(bind="127.0.0.1:" + sys.argv[1], workers=1, threads=8, worker_class="gthread",
                                loglevel="warning", control_socket_disable=True).items():
            self.cfg.set(name, value)
    def load(self):
        return app
Bare().run()
"""


def bare_server(size: int) -> tuple[subprocess.Popen[bytes], Client]:
    """The yardstick: one Flask route that answers ``size`` bytes."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port), str(size)])
    client = Client(port)
    for _ in range(200):
        try:
            client.get("/")
            return process, client
        except OSError:
            time.sleep(0.02)
    raise SystemExit("the yardstick gave no answer")


def against_bare(page: Client, path: str, rounds: int) -> dict[str, Any]:
    """The page and the yardstick in turn, so that a change of the machine's speed meets both."""
    size = len(page.get(path).body)
    process, bare = bare_server(size)
    try:
        ours, theirs = [], []
        for _ in range(rounds):
            ours += timed(1, lambda: page.get(path))
            theirs += timed(1, lambda: bare.get("/"))
    finally:
        process.terminate()
        process.wait()
    over = statistics.median(a - b for a, b in zip(ours, theirs, strict=True))
    return {"bytes": size, "page": summary(ours), "bare": summary(theirs), "over_bare_ms": round(over, 1)}


def starts(environment: dict[str, str], count: int) -> list[float]:
    """Seconds from start to first answer, of ``count`` starts."""
    seconds = []
    for _ in range(count):
        with serving(environment, "--no-scheduler") as server:
            seconds.append(server.started_in)
    return seconds


def party_of(client: Client) -> str:
    """Address of the first customer's 360° view on the list."""
    found = re.search(rb'href="(/customers/P[^"/]+)"', client.get("/customers/").body)
    if not found:
        raise SystemExit("the list shows no customer")
    return found.group(1).decode()


def panels_of(client: Client, path: str) -> list[str]:
    """Addresses of the panels a 360° view fetches."""
    return [found.decode() for found in re.findall(rb'hx-get="(/_panel/[^"]+)"', client.get(path).body)]


def measure(server: Server, rounds: int) -> dict[str, Any]:
    """Page times and worker memory of a server."""
    manager = Client(server.port).sign_in("rm01")
    result: dict[str, Any] = {"shell": against_bare(manager, "/help", rounds)}
    timed(40, lambda: manager.get("/"))
    result["worker_mb_after_shell"] = [round(mb) for mb in server.resident()]
    result["list"] = summary(timed(rounds, lambda: manager.get("/customers/")))
    party = party_of(manager)
    result["profile"] = summary(timed(rounds, lambda: manager.get(party)))
    panels = panels_of(manager, party)
    result["panels"] = {panel.split("/")[2]: summary(timed(40, lambda p=panel: manager.get(p))) for panel in panels}
    result["worker_mb_after_queries"] = [round(mb) for mb in server.resident()]
    return result


def main() -> None:
    """Run and report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", default="20k")
    arguments.add_argument("--db", default="sqlite", choices=["sqlite", "postgresql"])
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    url = os.environ.get("CRM_DATABASE_URL", "") if given.db == "postgresql" else ""
    with tempfile.TemporaryDirectory() as folder:
        environment = prepare(Path(folder), given.size, url)
        first = starts(environment, 5)
        result: dict[str, Any] = {
            "size": given.size,
            "db": given.db,
            "start_seconds": [round(s, 2) for s in sorted(first)],
        }
        with serving(environment, "--no-scheduler") as server:
            result |= measure(server, given.rounds)
    report(result)


if __name__ == "__main__":
    main()
