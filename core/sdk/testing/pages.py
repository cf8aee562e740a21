"""The routes of one plugin in a running app, for the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.routing import Rule


def owner(app: Flask, endpoint: str) -> str | None:
    """Plugin whose blueprint serves the endpoint; None for the core's own."""
    owners: dict[str, str] = app.extensions["crm.host"].blueprint_owners
    return owners.get(endpoint.partition(".")[0])


def rules(app: Flask, plugin: str) -> Iterator[Rule]:
    """The plugin's routes, without its static files."""
    for rule in app.url_map.iter_rules():
        if owner(app, rule.endpoint) == plugin and not rule.endpoint.endswith(".static"):
            yield rule


def access_of(app: Flask, plugin: str) -> dict[str, tuple[str, str] | None]:
    """Endpoint to what its decorator says: ``("requires", action)``, ``("public", reason)`` or None."""
    views = {rule.endpoint: app.view_functions[rule.endpoint] for rule in rules(app, plugin)}
    return {endpoint: _plain(getattr(view, "crm_access", None)) for endpoint, view in views.items()}


def _plain(access: Any) -> tuple[str, str] | None:
    return None if access is None else (str(access[0]), str(access[1]))


def urls(app: Flask, plugin: str) -> Iterator[tuple[str, str, str]]:
    """``(method, address, endpoint)`` of every route, placeholders filled with something of the right kind."""
    adapter = app.url_map.bind("localhost")
    for rule in rules(app, plugin):
        values = {name: _sample(rule, name) for name in rule.arguments}
        address = adapter.build(rule.endpoint, values, force_external=False)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, address, rule.endpoint


def _sample(rule: Rule, name: str) -> Any:
    import uuid

    from werkzeug.routing import AnyConverter, FloatConverter, IntegerConverter, UUIDConverter

    converter = rule._converters[name]
    if isinstance(converter, IntegerConverter):
        return 1
    if isinstance(converter, FloatConverter):
        return 1.0
    if isinstance(converter, UUIDConverter):
        return uuid.UUID(int=1)
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)[0]
    return "x1"
