"""How transactions begin, who holds SQLite's write lock, and what a reader may not do."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.exc import OperationalError

from core.db import sqlite
from core.db.session import ReadOnly, install, reading, unit


@pytest.fixture
def begun(bank: Any, monkeypatch: Any) -> list[str]:
    """What BEGIN was emitted."""
    seen: list[str] = []
    emit = sqlite._emit
    monkeypatch.setattr(
        sqlite, "_emit", lambda conn, statement: (seen.append(statement.split()[1]), emit(conn, statement))
    )
    return seen


def test_pragmas(bank: Any) -> None:
    with bank.engine.connect() as conn:
        found = {
            p: conn.execute(text(f"PRAGMA {p}")).scalar()
            for p in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": sqlite.BUSY_TIMEOUT}
    assert sqlite.BUSY_TIMEOUT >= 5000


def test_install_twice_is_once(bank: Any) -> None:
    compiler = bank.engine.dialect.statement_compiler
    install(bank.engine)
    assert bank.engine.dialect.statement_compiler is compiler


def test_mode_follows_the_request(bank: Any, left: Any, begun: list[str]) -> None:
    app = Flask("t")
    for method, expected in (("GET", "DEFERRED"), ("HEAD", "DEFERRED"), ("POST", "IMMEDIATE"), ("DELETE", "IMMEDIATE")):
        with app.test_request_context("/", method=method), bank.session(left) as s:
            s.get(bank.Party, 2)
        assert begun.pop() == expected
    with bank.session(left) as s:
        s.get(bank.Party, 2)
    assert begun.pop() == "IMMEDIATE"
    with reading(), bank.session(left) as s:
        s.get(bank.Party, 2)
    assert begun.pop() == "DEFERRED"
    with bank.engine.connect() as conn:
        conn.execute(select(1))
    assert begun.pop() == "IMMEDIATE"
    with bank.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(select(1))
    assert begun == []


def test_a_reader_that_writes_is_told_at_once(bank: Any, left: Any) -> None:
    with bank.session(left, mode="read") as s:
        s.get(bank.Party, 2).name = "x"
        with pytest.raises(ReadOnly):
            s.flush()
        s.rollback()
        s.add(bank.Product(id=2, name="x"))
        with pytest.raises(ReadOnly):
            s.commit()
        s.rollback()
        for statement in (update(bank.Party).values(name="x"), insert(bank.Product).values(id=3, name="x")):
            with pytest.raises(ReadOnly):
                s.execute(statement)
        party = s.get(bank.Party, 2)
        party.name = party.name
        s.commit()  # nothing changed, nothing to refuse


def test_readers_never_wait_for_a_writer(bank: Any, left: Any) -> None:
    with bank.session(left, own=True) as writer:
        writer.get(bank.Party, 2).name = "changing"
        writer.flush()
        started = time.monotonic()
        with bank.session(left, mode="read") as reader:
            assert reader.get(bank.Party, 2).name == "party 2"
        assert time.monotonic() - started < 1


def test_writers_of_two_threads_wait_for_each_other(bank: Any, left: Any) -> None:
    def add(n: int) -> None:
        for _ in range(5):
            with unit(bank.session(left, own=True)) as s:
                s.get(bank.Account, 21).balance += n

    threads = [threading.Thread(target=add, args=(n,)) for n in (1, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with bank.past() as s:
        assert s.get(bank.Account, 21).balance == 201 + 5 * 11


def test_an_idle_session_gives_its_lock_up(bank: Any, left: Any, begun: list[str]) -> None:
    with bank.session(left) as page:
        party = page.get(bank.Party, 2)
        with unit(bank.session(left, own=True)) as own:
            own.get(bank.Party, 2).name = "saved"
            assert party.name == "party 2"  # still loaded
            page.get(bank.Product, 1)  # a read of the page in between neither waits nor takes the lock
        assert begun == ["IMMEDIATE", "IMMEDIATE", "DEFERRED"]
        page.rollback()
        assert page.get(bank.Party, 2).name == "saved"


def test_a_unit_of_work_does_not_give_its_lock_up(bank: Any, left: Any, begun: list[str]) -> None:
    with bank.session(left, own=True) as own:
        own.get(bank.Party, 2)
        with bank.session(left, own=True) as second:
            assert second.get(bank.Party, 4) is not None
            second.get(bank.Party, 4).name = "x"
            with pytest.raises(ReadOnly):
                second.flush()
        with bank.session(left) as page:
            page.get(bank.Party, 4).name = "x"
            with pytest.raises(ReadOnly):
                page.commit()
        with bank.engine.connect() as raw:
            raw.execute(select(1))
        assert begun == ["IMMEDIATE", "DEFERRED", "DEFERRED", "DEFERRED"]
        own.get(bank.Party, 2).name = "mine"
        own.commit()
    with bank.session(left, own=True) as s:
        assert s.get(bank.Party, 2).name == "mine"
    assert begun[-1] == "IMMEDIATE"


def test_a_page_with_unsaved_work_keeps_its_lock(bank: Any, left: Any, begun: list[str]) -> None:
    with bank.session(left) as page:
        page.get(bank.Party, 2).name = "unsaved"
        with bank.session(left, own=True) as own:
            own.get(bank.Party, 4)
        page.execute(update(bank.Account).values(balance=0))
        with bank.session(left, own=True) as own:
            own.get(bank.Party, 4)
        page.commit()
    assert begun == ["IMMEDIATE", "DEFERRED", "DEFERRED"]


def test_the_lock_is_free_after_an_error_or_a_lost_connection(bank: Any, left: Any, begun: list[str]) -> None:
    with pytest.raises(RuntimeError), unit(bank.session(left, own=True)) as s:  # noqa: PT012
        s.get(bank.Party, 2)
        raise RuntimeError
    conn = bank.engine.connect()
    conn.execute(select(1))
    assert sqlite.holder(bank.engine) is None
    del conn
    gc.collect()
    with bank.session(left, own=True) as s:
        s.get(bank.Party, 2)
        assert sqlite.holder(bank.engine) is s
    assert sqlite.holder(bank.engine) is None
    assert begun == ["IMMEDIATE"] * 3


def test_a_lock_held_by_another_process_is_an_operational_error(bank: Any, left: Any, monkeypatch: Any) -> None:
    other = create_engine(bank.engine.url)
    event.listen(other, "connect", lambda c, r: setattr(c, "isolation_level", None))
    with other.connect() as conn:
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        with bank.session(left) as s:
            monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 1)
            bank.engine.dispose()
            with pytest.raises(OperationalError):
                s.get(bank.Party, 2)
        conn.exec_driver_sql("ROLLBACK")
    other.dispose()


def test_savepoints(bank: Any, left: Any) -> None:
    with bank.session(left) as s:
        with pytest.raises(RuntimeError), s.begin_nested():  # noqa: PT012
            s.get(bank.Party, 2).name = "inner"
            s.flush()
            raise RuntimeError
        s.get(bank.Party, 4).name = "outer"
        s.commit()
        assert (s.get(bank.Party, 2).name, s.get(bank.Party, 4).name) == ("party 2", "outer")
