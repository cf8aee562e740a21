"""No way around the session: a connection or an engine knows no row scope."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM015"
_CURE = "use the session of core.sdk.security, a job's run.session(), or the one handed in"
_METHODS = {"connection", "get_bind", "raw_connection", "begin_nested_connection"}
_MAKERS = {"create_engine", "create_async_engine", "engine_from_config", "sessionmaker", "scoped_session", "Session"}
_DRIVERS = {"sqlite3", "psycopg", "psycopg2", "duckdb", "pyodbc", "flask_sqlalchemy"}


def check(plugin: Plugin) -> Iterator[Finding]:
    """No ``connection()``, no engine, no session of one's own, no database driver."""
    for module in plugin.modules:
        for local, name in module.imported.items():
            if name.partition(".")[0] in _DRIVERS:
                yield Finding(CODE, f"imports {local} from {name.partition('.')[0]}; {_CURE}", module.at())
        for call in module.calls:
            name, method = module.name_of(call.func), getattr(call.func, "attr", "")
            made = name.startswith("sqlalchemy.") and name.rpartition(".")[2] in _MAKERS
            if made or method in _METHODS:
                yield Finding(CODE, f"{method or name}() sees every row; {_CURE}", module.at(call))
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr in {"engine", "engines", "bind"}:
                yield Finding(CODE, f".{node.attr} sees every row; {_CURE}", module.at(node))
