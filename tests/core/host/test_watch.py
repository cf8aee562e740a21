from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from core.db.types import now
from core.host import Host, Limits, store
from core.host.blackbox import BlackBox
from core.host.faults import Fault
from core.host.watch import Watch

from .conftest import FIXTURES, StartHost, enable, put, stop, until

QUICK = Limits(hard=0.3, grace=0.5, tick=0.05, beat_every=0.05)


@pytest.fixture
def host(start: StartHost, shelf: Path) -> Host:
    put("calls", shelf)
    host = start(limits=QUICK)
    enable(host, "visits", "wrecker")
    return host


def rows(host: Host):
    with host.engine.connect() as connection:
        return connection.execute(select(store.workers)).all()


def test_a_worker_beats_and_signs_off(host: Host) -> None:
    host.watch.start()
    first = rows(host)[0]
    assert (first.pid, first.epoch) == (os.getpid(), host.snapshots.read().epoch)
    assert until(lambda: rows(host)[0].beat_at > first.beat_at)
    enable(host, "notes")
    assert until(lambda: rows(host)[0].epoch == host.snapshots.latest.epoch)
    host.watch.stop()
    assert rows(host) == []


def test_drained_when_the_last_request_of_the_old_epoch_is_over(host: Host) -> None:
    inside, go_on = threading.Event(), threading.Event()
    host.app.view_functions["home"] = lambda: inside.set() or str(go_on.wait(10))
    host.watch.start()
    request = threading.Thread(target=lambda: host.app.test_client().get("/").close())
    request.start()
    assert inside.wait(10)
    epoch = host.disable("visits", "sysadmin", "a test")
    assert not host.wait_drained(epoch, timeout=0.3)
    go_on.set()
    request.join(10)
    assert host.wait_drained(epoch, timeout=5)


def test_workers_that_are_gone_do_not_hold_up_a_drain_and_are_cleaned_up(host: Host) -> None:
    moment = now() - timedelta(minutes=1)
    with store.writing(host.engine) as connection:
        connection.execute(
            insert(store.workers).values(host="elsewhere", pid=7, epoch=1, started_at=moment, beat_at=moment)
        )
    epoch = host.snapshots.read().epoch
    assert host.wait_drained(epoch, timeout=0)
    host.watch.start()
    assert [row.host for row in rows(host)] == [socket.gethostname()]
    with store.writing(host.engine) as connection:
        connection.execute(
            insert(store.workers).values(host="elsewhere", pid=7, epoch=1, started_at=moment, beat_at=now())
        )
    assert not host.wait_drained(epoch, timeout=0)


def test_a_worker_that_cannot_beat_stops_serving(start: StartHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host = start(limits=Limits(beat=0.2, beat_every=0.05))
    host.watch.start()
    client = host.app.test_client()
    assert client.get("/").status_code == 200

    def lost(*_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr("core.host.heartbeat.beat", lost)
    assert until(lambda: client.get("/").status_code == 503)
    answer = client.get("/")
    assert answer.headers["Retry-After"]
    monkeypatch.undo()
    assert until(lambda: client.get("/").status_code == 200)


@pytest.mark.parametrize("kind", ["waits", "spins"])
def test_a_hook_over_its_limit_is_named_its_breaker_opens_and_the_worker_makes_way(host: Host, kind: str) -> None:
    let_go, recycled = threading.Event(), threading.Event()
    host.watch.recycle = lambda watch: recycled.set()
    host.watch.start()

    def hang() -> None:
        if kind == "waits":
            let_go.wait(10)
        while not let_go.is_set():
            pass

    epoch = host.snapshots.read().epoch
    thread = threading.Thread(target=lambda: host.dispatch.call("wrecker", "panel w", hang))
    thread.start()
    assert recycled.wait(10)
    let_go.set()
    thread.join(10)
    assert until(lambda: host.snapshots.read().epoch > epoch)
    assert host.snapshots.latest.is_closed("wrecker", "panel w")
    assert not host.snapshots.latest.is_closed("wrecker", "panel x")
    with host.app.app_context():
        fault = next(f for p in host.plugins() if p.name == "wrecker" for f in p.faults if f.kind != "slow")
    assert (fault.hook, fault.kind) == ("panel w", kind)
    assert kind in fault.reason
    assert fault.closed_until is not None
    assert until(lambda: not list(Path(host.config.instance, "faults").glob("*.fault")))


def test_a_breaker_stays_open_longer_each_time(host: Host) -> None:
    spans = []
    for _ in range(3):
        moment = now()
        host.faults.note(Fault("wrecker", "panel", "spins", "again", "", moment, moment + timedelta(seconds=60)))
        host.faults.flush()
        with host.engine.connect() as connection:
            newest = connection.execute(select(store.faults).order_by(store.faults.c.id.desc())).first()
        spans.append((newest.closed_until - newest.at).total_seconds())
    assert spans == [60, 120, 240]


def test_the_worker_waits_for_others_but_not_for_those_that_hang(host: Host) -> None:
    watch: Watch = host.watch
    watch._leaving_at = time.monotonic() + 5
    ticket = host.in_flight.enter(1)
    threading.Timer(0.3, host.in_flight.leave, args=(ticket,)).start()
    began = time.monotonic()
    with watch.running("wrecker", "panel") as call:
        call.overdue = True
        hanging = host.in_flight.enter(1)
        watch.wait_for_others()
        host.in_flight.leave(hanging)
    assert 0.25 < time.monotonic() - began < 3
    watch._leaving_at = None


# -- the black box ----------------------------------------------------------------------------------------------------


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_dead_process_left_is_recovered_once(tmp_path: Path) -> None:
    box = BlackBox(tmp_path)
    fault = Fault("visits", "panel", "waits", "it waits", "", now(), now())
    path = box.spool(fault)
    assert path is not None
    assert list(box.recover(60)) == []  # its process lives and may still write it itself
    path.rename(tmp_path / f"{ended_process()}-1.fault")
    assert list(box.recover(60)) == [fault]
    assert list(box.recover(60)) == []


def test_a_frozen_process_tells_what_it_was_doing(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from core.host.blackbox import BlackBox\n"
        "box = BlackBox(Path(sys.argv[2])); box.open(0.2)\n"
        "box.leave(box.enter('notes', 'done')); box.enter('visits', 'panel'); time.sleep(10)\n"
    )
    process = subprocess.run([sys.executable, "-c", code, str(FIXTURES.parents[3]), str(tmp_path)], check=False)
    assert process.returncode == 1
    (fault,) = BlackBox(tmp_path).recover(60)
    assert (fault.plugin, fault.hook, fault.kind) == ("visits", "panel", "spins")
    assert "File" in fault.trace
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_only_killed_blames_nobody(tmp_path: Path) -> None:
    line = f"{time.time()}\tvisits\tpanel".encode().ljust(192, b"\0")
    pid = ended_process()
    (tmp_path / f"{pid}.calls").write_bytes(line)
    (tmp_path / f"{pid}.frozen").write_text("")
    assert list(BlackBox(tmp_path).recover(60)) == []


def test_more_calls_than_slots_and_names_of_any_length(tmp_path: Path) -> None:
    box = BlackBox(tmp_path)
    assert box.enter("visits", "not recording yet") is None
    box.open(60)
    slots = [box.enter("visits", "x" * 500) for _ in range(65)]
    assert slots[-1] is None
    for slot in slots:
        box.leave(slot)
    assert box.enter("visits", "panel") is not None
    box.close()
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_leftover_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / f"{ended_process()}-1.fault").write_text("{")
    assert list(BlackBox(tmp_path).recover(60)) == []
    assert list(tmp_path.iterdir()) == []


# -- a real server ----------------------------------------------------------------------------------------------------


class Server:
    def __init__(self, instance: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            **os.environ,
            "TEST_PORT": str(self.port),
            "TEST_INSTANCE": str(instance),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "gunicorn", "-c", str(FIXTURES / "gunicorn_conf.py"), "serving:app"]
        self.log = (instance / "gunicorn.log").open("wb")
        self.process = subprocess.Popen(command, env=environment, cwd=instance, stdout=self.log, stderr=self.log)

    def get(self, path: str, timeout: float = 5) -> str | None:
        """The answer's text, None when there was none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return str(answer.read().decode())
        except OSError:
            return None

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture
def server(start: StartHost, shelf: Path, tmp_path: Path) -> Iterator[Server]:
    put("calls", shelf)
    host = start()
    enable(host, "wrecker")
    stop(host)
    server = Server(tmp_path)
    try:
        assert until(lambda: server.get("/"), 30), (tmp_path / "gunicorn.log").read_text()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize(("query", "kind"), [("wait", "waits"), ("spin", "spins"), ("freeze", "spins")])
def test_a_worker_with_a_hanging_hook_is_replaced_within_ten_seconds(
    server: Server, query: str, kind: str, start: StartHost
) -> None:
    old = server.get("/")
    began = time.monotonic()
    hanging = threading.Thread(target=server.get, args=(f"/hook/{query}", 30))
    hanging.start()
    time.sleep(0.3)
    slow: list[str | None] = []
    if query != "freeze":  # there nothing else runs; that is the point
        time.sleep(3)
        other = threading.Thread(target=lambda: slow.append(server.get("/slow", 10)))
        other.start()
        other.join()
        assert slow == ["finished"]
    assert until(lambda: server.get("/", 1) not in (None, old), 20)
    assert time.monotonic() - began < 10
    hanging.join(10)

    def off() -> bool:
        # The new worker has the breaker from the database: the hook is left out at once.
        answer = server.get(f"/hook/{query}", 1)
        return answer is not None and answer.strip() == "{}"

    assert until(off, 4)
    host = start()
    with host.app.app_context():
        faults = next(p for p in host.plugins() if p.name == "wrecker").faults
    told = [fault for fault in faults if fault.hook == "crm_search" and fault.kind == kind]
    assert told
    assert re.search("replaced", told[0].reason)


@pytest.mark.parametrize("query", ["wait", "spin"])
def test_everybody_gets_an_answer_before_the_worker_goes(server: Server, query: str) -> None:
    """Two hang in the hook, three wait for it: all are answered without it, and nobody's connection is cut."""
    answers: list[str | None] = []
    threads = [threading.Thread(target=lambda: answers.append(server.get(f"/hook/{query}", 20))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answer and answer.strip() for answer in answers] == ["{}"] * 5


def test_what_may_have_written_is_not_asked_again(server: Server) -> None:
    """Nobody can tell whether it was done, and the answer says so."""
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/hook/wait", data=b"x=1", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=20)
    with caught.value as answer:
        assert answer.code == 503
        assert "Whether it was done is not known" in answer.read().decode()


def test_sigterm_ends_a_healthy_worker_in_peace(server: Server, start: StartHost) -> None:
    answers: list[str | None] = []
    request = threading.Thread(target=lambda: answers.append(server.get("/slow", 10)))
    request.start()
    time.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    request.join(15)
    server.process.wait(15)
    assert answers == ["finished"]
    assert rows(start()) == []


def test_breaker_of_another_worker_is_read_with_the_epoch(host: Host) -> None:
    with store.writing(host.engine) as connection:
        connection.execute(
            insert(store.faults).values(
                plugin="wrecker",
                hook="crm_search",
                kind="spins",
                reason="x",
                trace="",
                count=1,
                at=now(),
                closed_until=now() + timedelta(seconds=30),
            )
        )
        store.bump(connection)
    assert "wrecker" not in host.dispatch.collect("crm_search", query="fine", limit=1)
    with store.writing(host.engine) as connection:
        connection.execute(update(store.faults).values(closed_until=now()))
        store.bump(connection)
    assert "wrecker" in host.dispatch.collect("crm_search", query="fine", limit=1)


def test_a_worker_goes_on_while_somebody_writes_at_length(start: StartHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite has one writer. While a migration writes, pages are still served, and a drain still waits for us."""
    monkeypatch.setattr("core.db.sqlite.BUSY_TIMEOUT", 100)
    host = start(limits=Limits(beat=0.5, beat_every=0.05))
    host.watch.start()
    client = host.app.test_client()
    monkeypatch.setattr(type(host.watch.limits), "stale", timedelta(seconds=0.2))
    with store.writing(host.engine) as connection:
        connection.execute(update(store.workers).values(epoch=0))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            assert client.get("/").status_code == 200
            time.sleep(0.1)
        connection.rollback()
    assert until(lambda: rows(host)[0].beat_at > now() - timedelta(seconds=0.3))
    host.watch.stop()
    with store.writing(host.engine) as connection:
        silent = {"started_at": now(), "beat_at": now() - timedelta(seconds=30), "epoch": 0}
        connection.execute(insert(store.workers).values(host=socket.gethostname(), pid=os.getpid(), **silent))
    assert not host.wait_drained(1, timeout=0)
    with store.writing(host.engine) as connection:
        connection.execute(update(store.workers).values(pid=ended_process()))
    assert host.wait_drained(1, timeout=0)
