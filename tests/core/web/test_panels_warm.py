"""A panel's clock is for the panel: the warehouse's engine is there before it starts, also in a worker just born."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from core.warehouse import engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.mark.training
def test_the_engine_is_loaded_before_the_panels_clock_starts(
    crm_app: Flask, login_as: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = login_as("rm", "customers.party.view")
    happened: list[str] = []
    dispatch: Any = crm_app.extensions["crm"].dispatch
    called, loaded = type(dispatch).call, engine.load
    monkeypatch.setattr(engine, "load", lambda: (happened.append("loaded"), loaded())[1])

    def call(self: Any, plugin: str, place: str, work: Any, *rest: Any, **more: Any) -> Any:
        if place.startswith("panel"):
            happened.append("clock")
        return called(self, plugin, place, work, *rest, **more)

    monkeypatch.setattr(type(dispatch), "call", call)
    client.get("/_panel/customers.basic/P0000000001")
    assert happened[:2] == ["loaded", "clock"]
