"""A plugin's blueprints, tried on an empty app first: what they would do to the whole app, and whom they would hide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask
from werkzeug.routing import Rule

from core.db.base import CORE
from core.host.registry import RegistrationError

_VARIABLE = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\([^)]*\))?:)?[a-zA-Z_]\w*>")
_APP_WIDE = {
    "before_request_funcs": "before_app_request",
    "after_request_funcs": "after_app_request",
    "teardown_request_funcs": "teardown_app_request",
    "url_value_preprocessors": "app_url_value_preprocessor",
    "url_default_functions": "app_url_defaults",
    "template_context_processors": "app_context_processor",
    "error_handler_spec": "app_errorhandler",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What blueprints would add to an app: rules, and the actions their views name (endpoint, action)."""

    rules: tuple[Rule, ...]
    actions: tuple[tuple[str, str], ...]


def try_out(blueprints: Iterable[Blueprint], plugin: str) -> Trial:
    """Register ``blueprints`` on an app of nobody's.

    Raises:
        RegistrationError: they reach beyond their own routes.
    """
    scratch = Flask("scratch", static_folder=None)
    filters = _jinja(scratch)
    before = {name: _entries(scratch, name) for name in _APP_WIDE}
    for blueprint in blueprints:
        if blueprint.name != plugin and not blueprint.name.startswith(f"{plugin}_"):
            raise RegistrationError(
                f"blueprint {blueprint.name!r} must be named {plugin!r} or {plugin}_something; rename it"
            )
        scratch.register_blueprint(blueprint)
    for name, hook in _APP_WIDE.items():
        if _entries(scratch, name) != before[name]:
            raise RegistrationError(f"a blueprint uses {hook}, which reaches every page; use the blueprint's own hook")
    if _jinja(scratch) != filters:
        raise RegistrationError("a blueprint adds an app-wide template filter, test or global; pass it to the template")
    rules = tuple(scratch.url_map.iter_rules())
    return Trial(rules, tuple(_actions(scratch, rules)))


def _entries(app: Flask, name: str) -> int:
    found: Any = getattr(app, name).get(None, ())
    return sum(len(part) for part in found.values()) if isinstance(found, dict) else len(found)


def _jinja(app: Flask) -> tuple[int, int, int]:
    return len(app.jinja_env.filters), len(app.jinja_env.tests), len(app.jinja_env.globals)


def _actions(app: Flask, rules: Iterable[Rule]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        view = app.view_functions.get(rule.endpoint)
        access = getattr(view, "crm_access", None) or getattr(getattr(view, "view_class", None), "crm_access", None)
        if access and access[0] == "requires":
            yield rule.endpoint, str(access[1])


class UrlBook:
    """Which path and method belongs to whom."""

    def __init__(self, app: Flask) -> None:
        self._entries: dict[str, list[tuple[frozenset[str], str]]] = {}
        self.blueprints: dict[str, str] = dict.fromkeys(app.blueprints, CORE)
        self.add(CORE, (), app.url_map.iter_rules())

    def check(self, blueprints: Iterable[Blueprint], rules: Iterable[Rule]) -> None:
        """Raises ``RegistrationError`` when a blueprint name or a path is somebody else's already."""
        for blueprint in blueprints:
            owner = self.blueprints.get(blueprint.name)
            if owner is not None:
                raise RegistrationError(f"blueprint {blueprint.name!r} is already registered by {owner!r}; rename it")
        for rule in rules:
            for methods, owner in self._entries.get(_shape(rule), ()):
                if methods & _methods(rule):
                    text = f"URL {rule.rule} is already registered by {owner!r}"
                    raise RegistrationError(f"{text}; give the blueprint its own url_prefix")

    def add(self, plugin: str, blueprints: Iterable[Blueprint], rules: Iterable[Rule]) -> None:
        """Note them as this plugin's."""
        for blueprint in blueprints:
            self.blueprints[blueprint.name] = plugin
        for rule in rules:
            self._entries.setdefault(_shape(rule), []).append((_methods(rule), plugin))

    def remove(self, plugin: str) -> None:
        """Forget the paths and blueprints of one plugin."""
        self.blueprints = {name: owner for name, owner in self.blueprints.items() if owner != plugin}
        for shape, entries in self._entries.items():
            self._entries[shape] = [entry for entry in entries if entry[1] != plugin]


def _shape(rule: Rule) -> str:
    """The path with variables by kind only: ``/a/<int:x>`` and ``/a/<int:y>`` take the same requests."""
    return _VARIABLE.sub(lambda found: f"<{found.group(1) or 'string'}>", rule.rule).rstrip("/")


def _methods(rule: Rule) -> frozenset[str]:
    return frozenset(rule.methods or {"GET"}) - {"OPTIONS", "HEAD"}
