"""What one plugin registered in a running app, for the contract suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from core.host.checks.rules.names import NAMED
from core.host.messages import LABELLED

if TYPE_CHECKING:
    from flask import Flask

REGISTRATION = (
    "crm_hookspecs",
    "crm_models",
    "crm_services",
    "crm_blueprints",
    "crm_menus",
    "crm_permissions",
    "crm_scope_providers",
    "crm_parameters",
    "crm_code_tables",
    "crm_jobs",
    "crm_panels",
    "crm_feeds",
    "crm_datasets",
    "crm_event_types",
    "crm_health_checks",
    "crm_cli",
    "crm_seed",
)


def every(app: Flask, hook: str) -> tuple[tuple[str, Any], ...]:
    """``(plugin, thing)`` pairs of one registration hook, of the plugins that are on."""
    with app.app_context():
        found: tuple[tuple[str, Any], ...] = app.extensions["crm"].registry.of(hook)
    return found


def of(app: Flask, plugin: str, hook: str) -> list[Any]:
    """What ``plugin`` gave for one registration hook."""
    return [thing for owner, thing in every(app, hook) if owner == plugin]


def actions(app: Flask) -> list[str]:
    """Every action any plugin declares."""
    return [action.name for _, action in every(app, "crm_permissions")]


def names(app: Flask, plugin: str) -> Iterator[tuple[str, str]]:
    """``(hook, name)`` of everything with a name that ``plugin`` registered, tables and blueprints too."""
    for hook in REGISTRATION:
        for thing in of(app, plugin, hook):
            attribute = NAMED.get(type(thing).__name__)
            if attribute:
                yield hook, getattr(thing, attribute)
            elif hook == "crm_models":
                yield hook, thing.__tablename__
            elif hook == "crm_blueprints":
                yield hook, thing.name


def labels(app: Flask, plugin: str) -> Iterator[str]:
    """Every label ``plugin`` registered."""
    for hook in REGISTRATION:
        for thing in of(app, plugin, hook):
            for attribute in LABELLED.get(type(thing).__name__, ()):
                value = getattr(thing, attribute)
                texts = value.values() if attribute == "items" else [value]
                yield from (text for text in texts if text)


def implementations(app: Flask, plugin: str) -> list[tuple[str, Callable[..., Any]]]:
    """``(hook, function)`` of every hook ``plugin`` implements."""
    found = app.extensions["crm.host"].loader.implementations
    return [(hook, each.function) for hook, every in found.items() for each in every if each.plugin == plugin]


def module_of(app: Flask, plugin: str) -> str:
    """Import name of an installed plugin."""
    module: str = app.extensions["crm.host"].candidates[plugin].module
    return module
