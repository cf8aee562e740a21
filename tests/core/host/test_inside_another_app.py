"""``crm serve`` starts its app inside the app of the command: nothing of the one may count as the other's."""

from __future__ import annotations

from typing import Any

from core import parameters
from core.app import create_app


def test_an_app_made_inside_another_reserves_only_what_is_the_cores(crm_app: Any, monkeypatch: Any) -> None:
    config = crm_app.config["CRM"]
    monkeypatch.setattr(parameters, "declared", lambda: {**parameters._core, "customers.page": object()})
    with crm_app.app_context():
        inner = create_app({"instance": config.instance, "database_url": config.database_url, "testing": True})
    assert inner.extensions["crm.host"].registry.owner("crm_parameters", "customers.page") is None
    assert not inner.extensions["crm.host"].loader.broken
