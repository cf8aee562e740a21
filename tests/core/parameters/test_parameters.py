"""Declared, bounded, dated settings."""

from __future__ import annotations

import sqlite3
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import Session

from core import parameters
from core.contract.types import Parameter
from core.db.base import metadata
from core.db.session import new_session, unit
from core.extensions import db
from core.monitoring.models import AuditEntry
from core.parameters import InvalidValue, UnknownParameter
from core.parameters.models import ParameterEpoch, StoredParameter
from core.parameters.store import Store, save
from core.parameters.values import check, parse, to_text

SIZE = Parameter("tests.size", "Size", "int", 20, minimum=10, maximum=100)
RATE = Parameter("tests.rate", "Rate", "decimal", Decimal("0.05"), minimum=Decimal(0), maximum=Decimal(1))
WORD = Parameter("tests.word", "Word", "text", "abc", minimum=2, maximum=5)
FLAG = Parameter("tests.flag", "Flag", "bool", False)
PICK = Parameter("tests.pick", "Pick", "choice", "a", choices=("a", "b"))
DAY = Parameter("tests.day", "Day", "date", date(2026, 1, 1), minimum=date(2020, 1, 1))


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "_core", dict(parameters._core))
    parameters.declare(SIZE, RATE, WORD, FLAG, PICK, DAY)


def put(app: Flask, name: str, value: Any, **more: Any) -> None:
    with app.app_context(), unit(new_session(mode="write")) as session:
        parameters.set(session, name, value, "anna", "because", **more)


def test_default_until_set(app: Flask) -> None:
    with app.app_context():
        assert parameters.get("tests.size") == 20
    put(app, "tests.size", 50)
    with app.app_context():
        assert parameters.get("tests.size") == 50


def test_default_without_an_app() -> None:
    assert parameters.get("tests.size") == 20


def test_default_before_the_first_migration(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    assert Store(lambda: engine).value(SIZE) == 20
    assert Store(lambda: engine).value(SIZE, epoch=7) == 20
    engine.dispose()


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("tests.size", "30", 30),
        ("tests.rate", "0.0725", Decimal("0.0725")),
        ("tests.word", " ab ", " ab "),
        ("tests.flag", "true", True),
        ("tests.flag", False, False),
        ("tests.pick", "b", "b"),
        ("tests.day", "2026-05-01", date(2026, 5, 1)),
        ("tests.day", date(2026, 6, 1), date(2026, 6, 1)),
    ],
)
def test_each_type_comes_back_as_it_was(app: Flask, name: str, value: Any, stored: Any) -> None:
    put(app, name, value)
    with app.app_context():
        assert parameters.get(name) == stored
        assert type(parameters.get(name)) is type(stored)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("tests.size", 9, "below the minimum 10"),
        ("tests.size", 101, "above the maximum 100"),
        ("tests.size", "many", "not a whole number"),
        ("tests.size", True, "not a whole number"),
        ("tests.size", 20.0, "not a whole number"),
        ("tests.rate", "NaN", "not a decimal number"),
        ("tests.rate", "1.01", "above"),
        ("tests.word", "abcdef", "length of the text 6 is above"),
        ("tests.word", "a", "below"),
        ("tests.flag", "perhaps", "not true or false"),
        ("tests.pick", "c", "one of a, b"),
        ("tests.day", "1.5.2026", "2026-01-31"),
        ("tests.day", "2019-12-31", "below"),
        ("tests.day", datetime(2026, 1, 1, tzinfo=UTC), "not a date"),
    ],
)
def test_refused_values_say_what_would_fit(app: Flask, name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message) as refused:
        put(app, name, value)
    assert name in str(refused.value)
    with app.app_context():
        assert parameters.get(name) == parameters.declared()[name].default


def test_unknown_names(app: Flask) -> None:
    with app.app_context(), pytest.raises(UnknownParameter, match=r"no parameter 'tests\.none'"):
        parameters.get("tests.none")
    with pytest.raises(UnknownParameter):
        put(app, "tests.none", 1)


def test_a_default_must_keep_its_own_bounds() -> None:
    with pytest.raises(InvalidValue):
        parameters.declare(Parameter("tests.bad", "Bad", "int", 5, minimum=10))


def test_dated_values_come_into_force_by_themselves(app: Flask) -> None:
    store: Store = app.extensions["crm.parameters"]
    at = datetime(2026, 11, 23, tzinfo=UTC)
    store._clock = lambda: at
    put(app, "tests.size", 30, valid_from=at - timedelta(days=1))
    put(app, "tests.size", 40, valid_from=at + timedelta(days=1))
    with app.app_context():
        assert parameters.get("tests.size") == 30
        store._clock = lambda: at + timedelta(days=2)
        assert parameters.get("tests.size") == 40


def test_history_and_audit(app: Flask) -> None:
    put(app, "tests.size", 30)
    put(app, "tests.size", 40)
    with app.app_context(), unit(new_session(mode="read")) as session:
        assert [row.value for row in parameters.history(session, "tests.size")] == ["40", "30"]
        entries = list(session.scalars(select(AuditEntry).where(AuditEntry.action == "parameters.set")))
        assert [(e.key, e.reason, e.detail and e.detail["value"]) for e in entries] == [
            ("tests.size", "because", "30"),
            ("tests.size", "because", "40"),
        ]


def test_rolled_back_change_is_none(app: Flask) -> None:
    with app.app_context():
        session = new_session(mode="write")
        parameters.set(session, "tests.size", 30, "anna")
        session.rollback()
        session.close()
        assert parameters.get("tests.size") == 20


def test_declaration_tightened_later_gives_the_default(app: Flask) -> None:
    put(app, "tests.size", 100)
    parameters.declare(Parameter("tests.size", "Size", "int", 20, minimum=10, maximum=50))
    with app.app_context():
        assert parameters.get("tests.size") == 20


def test_two_processes_see_each_other(app: Flask) -> None:
    """Two stores on one database, as two workers have."""
    with app.app_context():
        one, two = Store(lambda: db.engine), Store(lambda: db.engine)
        assert (one.value(SIZE), two.value(SIZE)) == (20, 20)
        put(app, "tests.size", 60)
        assert (one.value(SIZE), two.value(SIZE)) == (60, 60)


def test_cache_spares_the_values(app: Flask) -> None:
    put(app, "tests.size", 60)
    asked: list[str] = []
    with app.app_context():
        parameters.get("tests.size")
        event.listen(db.engine, "before_cursor_execute", lambda c, cur, sql, *_: asked.append(sql))
        for _ in range(5):
            parameters.get("tests.size")
    assert not [sql for sql in asked if "core_parameter." in sql]


def test_one_request_sees_one_state(app: Flask) -> None:
    asked: list[str] = []
    with app.test_request_context():
        parameters.get("tests.size")
        event.listen(db.engine, "before_cursor_execute", lambda c, cur, sql, *_: asked.append(sql))
        parameters.get("tests.size")
        parameters.get("tests.word")
    assert asked == []


def test_parameters_of_plugins_come_and_go_with_them(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Parameter("other.limit", "Limit", "int", 3)
    registry = type(app.extensions["crm"].registry)
    given = registry.of

    def of(self: Any, hook: str, snapshot: Any = None) -> Any:
        return (("other", theirs),) if hook == "crm_parameters" else given(self, hook, snapshot)

    with app.app_context():
        with pytest.raises(UnknownParameter):
            parameters.get("other.limit")
        monkeypatch.setattr(registry, "of", of)
        assert parameters.get("other.limit") == 3


@pytest.mark.database("empty")
def test_both_databases(database_url: str) -> None:
    engine = create_engine(database_url)
    metadata.create_all(engine, tables=[StoredParameter.__table__, ParameterEpoch.__table__])  # type: ignore[list-item]
    store = Store(lambda: engine)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for value in (30, 40):
        with Session(engine) as session, session.begin():
            save(session, SIZE, value, "anna", "", at)
        assert store.value(SIZE) == value
    assert store.epoch() == 2
    engine.dispose()


@given(
    st.one_of(
        st.tuples(st.just(Parameter("t.i", "", "int", 0)), st.integers()),
        st.tuples(st.just(Parameter("t.d", "", "decimal", Decimal(0))), st.decimals().filter(Decimal.is_finite)),
        st.tuples(st.just(Parameter("t.t", "", "text", "")), st.text()),
        st.tuples(st.just(FLAG), st.booleans()),
        st.tuples(st.just(Parameter("t.y", "", "date", date(2026, 1, 1))), st.dates()),
    )
)
def test_text_form_reads_back(case: tuple[Parameter, Any]) -> None:
    parameter, value = case
    assert parse(parameter, to_text(check(parameter, value))) == value


def test_reading_waits_for_no_writer(app: Flask) -> None:
    """Also in a request that may write: a lock for reading a setting would make everybody wait for everybody."""
    put(app, "tests.size", 30)
    with app.app_context():
        database = str(db.engine.url.database)
    writer = sqlite3.connect(database, isolation_level=None, timeout=5)
    writer.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with app.test_request_context(method="POST"):
        assert parameters.get("tests.size") == 30
    assert time.monotonic() - began < 5
    writer.execute("ROLLBACK")
    writer.close()


def test_the_core_tells_its_own_in_the_order_of_their_declaration() -> None:
    assert parameters.core_parameters()[-6:] == (SIZE, RATE, WORD, FLAG, PICK, DAY)
