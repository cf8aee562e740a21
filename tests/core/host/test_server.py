"""The server: a worker answers all the while code is renewed, and clients that stall keep no thread."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LOADING_SECONDS = 2.0
SLOW = f"""
import os, sys, time
from core.config import load
from core.serve import Server

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return [str(os.getpid()).encode()]

class Slow(Server):
    def load(self):
        time.sleep({LOADING_SECONDS})
        if os.path.exists(sys.argv[1]):
            os.remove(sys.argv[1])
            raise RuntimeError("this code cannot be loaded")
        return app
    def watch(self, app):
        pass

Slow(load()).run()
"""


class Site:
    """A server whose application takes its time to load."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.stumble = folder / "stumble"
        environment = {
            **os.environ,
            "CRM_INSTANCE": str(folder),
            "CRM_PORT": str(self.port),
            "CRM_WORKERS": "2",
            "CRM_THREADS": "2",
            "CRM_HOST": "127.0.0.1",
        }
        self.process = subprocess.Popen([sys.executable, "-c", SLOW, str(self.stumble)], env=environment)

    def ask(self, patience: float) -> str:
        """Number of the process that answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def workers(self) -> set[str]:
        """Numbers of the worker processes there are."""
        own = self.process.pid
        return set(Path(f"/proc/{own}/task/{own}/children").read_text().split())

    def wait_for(self, wanted: int, without: set[str]) -> None:
        """Until there are so many workers and none of ``without``."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            now = self.workers()
            if len(now) == wanted and not now & without:
                return
            time.sleep(0.05)
        raise AssertionError(f"workers are {self.workers()}, some of {without} are left")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Served, and ended afterwards."""
    site = Site(tmp_path)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                site.ask(10)
                break
            except OSError:
                time.sleep(0.05)
        yield site
    finally:
        site.process.terminate()
        site.process.wait(20)


@pytest.mark.parametrize("stumbles", [False, True])
def test_somebody_answers_all_the_while(site: Site, stumbles: bool) -> None:
    """Every request is answered in less time than a worker takes to load, also when a new worker dies loading."""
    old = site.workers()
    assert len(old) == 2
    if stumbles:
        site.stumble.touch()
    failures: list[str] = []
    slowest: list[float] = [0.0]
    over = threading.Event()

    def click() -> None:
        while not over.is_set():
            began = time.monotonic()
            try:
                site.ask(10)
            except OSError as error:
                failures.append(repr(error))
            slowest[0] = max(slowest[0], time.monotonic() - began)

    clicking = threading.Thread(target=click)
    clicking.start()
    try:
        site.process.send_signal(signal.SIGHUP)
        site.wait_for(2, without=old)
    finally:
        over.set()
        clicking.join()
    assert failures == []
    assert slowest[0] < LOADING_SECONDS
    assert site.ask(10) not in old
    assert not site.stumble.exists()


def test_clients_that_stop_in_the_middle_give_their_threads_back(site: Site) -> None:
    """More of them than there are threads: the next one is answered all the same."""
    stalled = []
    for _ in range(6):
        client = socket.create_connection(("127.0.0.1", site.port))
        client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nab")
        stalled.append(client)
    try:
        assert site.ask(60)
    finally:
        for client in stalled:
            client.close()
