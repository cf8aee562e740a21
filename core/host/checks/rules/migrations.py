"""A plugin's migrations are one chain of its own that goes up and down."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Module, Plugin

CODE = "CRM021"
NUMBER = re.compile(r"\d{4}")
_CURE = "docs/plugin-guide.md, Migrations, says how to write one"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Tables come with migrations; ids carry the plugin's name; one base, one head; no ``depends_on``; both ways."""
    tables = [m for m in plugin.modules if any(_names_table(node) for node in m.nodes)]
    if tables and not plugin.migrations:
        yield Finding(CODE, f"tables without a migration in migrations/versions; {_CURE}", tables[0].at())
    links: dict[str, object] = {}
    for module in plugin.migrations:
        revision = module.value(module.constants.get("revision"))
        links[str(revision)] = module.value(module.constants.get("down_revision"))
        yield from _file(plugin, module, revision)
    yield from _chain(links)


def _names_table(node: ast.AST) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == "__tablename__" for target in targets)


def _file(plugin: Plugin, module: Module, revision: object) -> Iterator[Finding]:
    if not isinstance(revision, str) or not (NUMBER.fullmatch(revision) or revision.startswith(f"{plugin.name}_")):
        message = f'revision {revision!r}: number it as 0003, or begin it with "{plugin.name}_"'
        yield Finding(CODE, message, module.at())
    if module.value(module.constants.get("depends_on")):
        message = "depends_on ties two plugins' schemas; take it out, requires in plugin.toml orders them"
        yield Finding(CODE, message, module.at())
    functions = {node.name: node for node in module.tree.body if isinstance(node, ast.FunctionDef)}
    for name in ("upgrade", "downgrade"):
        if name not in functions:
            message = f"no {name}(); a plugin can be purged only when its migrations go both ways"
            yield Finding(CODE, message, module.at())
        elif name == "downgrade" and _empty(functions[name]) and not _empty(functions.get("upgrade")):
            yield Finding(CODE, "downgrade() does nothing; undo what upgrade() does", module.at(functions[name]))


def _empty(function: ast.FunctionDef | None) -> bool:
    if function is None:
        return True
    return all(_idle(line) for line in function.body)


def _idle(line: ast.stmt) -> bool:
    comment = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    return comment or isinstance(line, ast.Pass | ast.Raise)


def _chain(links: dict[str, object]) -> Iterator[Finding]:
    where = "migrations/versions"
    bases = sorted(revision for revision, down in links.items() if down is None)
    heads = sorted(links.keys() - {str(down) for down in links.values()})
    if links and len(bases) != 1:
        yield Finding(CODE, f"{len(bases)} first migrations ({', '.join(bases)}); there must be one", where)
    if links and len(heads) != 1:
        yield Finding(CODE, f"{len(heads)} last migrations ({', '.join(heads)}); put them one after the other", where)
    for revision, down in links.items():
        if down is not None and (isinstance(down, tuple) or down not in links):
            yield Finding(CODE, f"{revision} follows {down!r}, which is not one migration of this plugin", where)
