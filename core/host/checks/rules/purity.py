"""Importing and registering do nothing: both happen once per start, with no request and no database promised."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM026"
_LIVE = (
    "core.sdk.security.session",
    "core.sdk.security.write",
    "core.sdk.security.unscoped",
    "core.sdk.security.acting",
    "core.sdk.security.can",
    "core.sdk.security.audit",
    "core.sdk.services.get",
    "core.sdk.warehouse.query",
    "core.sdk.warehouse.as_of",
    "core.sdk.web.link",
    "core.sdk.web.render",
    "flask.url_for",
    "open",
)
_MODULES = ("requests.", "urllib.request.", "httpx.", "socket.", "subprocess.", "threading.", "sqlite3.")
CALLS = {
    "crm_authenticate",
    "crm_decide",
    "crm_search",
    "crm_event",
    "crm_integrity",
    "crm_enabled",
    "crm_disabled",
    "crm_uninstalling",
}


def check(plugin: Plugin) -> Iterator[Finding]:
    """No session, query, file or network at import or in a registration hook."""
    for module in plugin.modules:
        for statement in module.tree.body:
            if isinstance(statement, ast.FunctionDef) and _registers(statement):
                yield from _live(module, statement.body, f"in {statement.name}")
        yield from _live(module, module.tree.body, "at import")


def _registers(node: ast.FunctionDef) -> bool:
    return node.name.startswith("crm_") and node.name not in CALLS


def _live(module: Module, body: list[ast.stmt], when: str) -> Iterator[Finding]:
    for node in _now(body):
        if isinstance(node, ast.Call):
            name = module.name_of(node.func).removeprefix(f"{module.dotted}.")
            if name in _LIVE or name.startswith(_MODULES):
                yield Finding(CODE, f"{name}() {when}; call it when a page, job or call needs it", module.at(node))


def _now(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
    """What runs with these statements: everything but the bodies of functions."""
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(node.decorator_list)
        elif not isinstance(node, ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
