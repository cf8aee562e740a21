"""A search the database gives up on is answered in words, and costs nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from core.host import statements
from core.sdk.testing.recipes import engine_of

SEARCH = "/customers/?q=王"


@contextmanager
def interrupted(app: Any) -> Iterator[None]:
    """SQLite: asked after every step, it is the search, and nothing before or after it, that has taken too long."""
    from core.extensions import db

    searching = [False]

    def look(conn: Any, cursor: Any, statement: str, *rest: Any) -> None:
        searching[0] = "customers_name_entry" in statement

    def over(context: Any) -> None:
        searching[0] = False

    with app.app_context():
        engine = db.engine
        statements.limit(engine, 1, lambda: searching[0])
    event.listen(engine, "before_cursor_execute", look)
    event.listen(engine, "handle_error", over)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", look)
        event.remove(engine, "handle_error", over)


@contextmanager
def kept_waiting(app: Any, url: str) -> Iterator[None]:
    """PostgreSQL: the names are locked, so that looking there lasts until the statement limit."""
    from core.extensions import db

    with app.app_context():
        statements.limit(db.engine, 0.5, lambda: False)
    engine = engine_of(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("LOCK TABLE customers_name_entry"))
            yield
    finally:
        engine.dispose()


@pytest.fixture
def endless(
    crm_app: Any, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], AbstractContextManager[None]]:
    monkeypatch.setattr(statements, "STEPS", 1)
    return lambda: interrupted(crm_app) if database_url.startswith("sqlite") else kept_waiting(crm_app, database_url)


def test_a_search_that_takes_too_long_says_so_on_the_page(
    endless: Callable[[], AbstractContextManager[None]], clerk: Any
) -> None:
    with endless():
        answer = clerk.get(SEARCH)
    assert answer.status_code == 503
    assert "查询时间过长，请缩小范围" in answer.text
    assert 'href="/customers/"' in answer.text, "the menu is there: the page was not what failed"
    assert "QueryCanceled" not in answer.text
    assert clerk.get(SEARCH).status_code == 200


def test_and_in_the_piece_htmx_asked_for(endless: Callable[[], AbstractContextManager[None]], clerk: Any) -> None:
    with endless():
        answer = clerk.get(SEARCH, headers={"HX-Request": "true"})
    assert answer.status_code == 503
    assert "查询时间过长，请缩小范围" in answer.text
    assert "<html" not in answer.text
    assert answer.headers["HX-Reselect"] == "[data-fault]"


def test_the_limit_counts_as_a_failure_of_the_module(
    endless: Callable[[], AbstractContextManager[None]], clerk: Any, monkeypatch: pytest.MonkeyPatch, crm_app: Any
) -> None:
    noted: list[str] = []
    dispatch = crm_app.extensions["crm"].dispatch
    monkeypatch.setattr(dispatch, "page_failed", lambda endpoint, error: noted.append(endpoint) or "")
    with endless():
        clerk.get(SEARCH)
    assert noted == ["customers.index"]


def test_the_search_box_says_what_to_do(endless: Callable[[], AbstractContextManager[None]], clerk: Any) -> None:
    box = "/search/customers?q=zhaoyun"
    with endless():
        answer = clerk.get(box, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "请多输入几个字" in answer.text
    assert "请多输入几个字" not in clerk.get(box, headers={"HX-Request": "true"}).text
