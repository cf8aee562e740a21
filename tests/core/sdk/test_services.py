"""A service nobody offers answers with nothing, so callers need no ``if enabled``."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from core.contract import Service
from core.contract.protocols import Runtime
from core.sdk import services


@pytest.fixture
def offered() -> Iterator[list[tuple[str, Service]]]:
    app = Flask("services")
    found: list[tuple[str, Service]] = []
    registry = SimpleNamespace(of=lambda hook, snapshot=None: tuple(found))
    app.extensions["crm"] = Runtime(registry, None, lambda: None)  # type: ignore[arg-type]
    with app.app_context():
        yield found


def test_a_provider_is_found_by_contract_and_version(offered: Any) -> None:
    provider = object()
    offered.append(("customers", Service("customers.directory", 1, provider)))
    assert services.get("customers.directory", 1) is provider
    assert not services.get("customers.directory", 2)
    assert not services.get("customers.other", 1)


def test_nothing_behaves_as_nothing(offered: Any) -> None:
    absent = services.get("customers.directory", 1)
    assert not absent
    assert list(absent.find("张")) == []
    assert len(absent.find("张")) == 0
    assert str(absent.owner.name) == ""
    assert not absent.find("x").first().name


def test_the_caller_may_give_its_own_nothing(offered: Any) -> None:
    null = SimpleNamespace(find=lambda text: ["none"])
    assert services.get("customers.directory", 1, null).find("x") == ["none"]


def test_nothing_does_not_pretend_to_special_protocols(offered: Any) -> None:
    with pytest.raises(AttributeError):
        services.ABSENT.__json__  # noqa: B018
