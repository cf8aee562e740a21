"""A plugin's files, read once for all rules: manifest, parsed Python, templates, migrations."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

UNKNOWN: Any = object()
"""Value of an expression that cannot be told without running it."""

_NOT_PRODUCT = {"tests", "__pycache__", "node_modules", "build", "dist"}


class Unreadable(Exception):
    """The plugin cannot be read far enough to hold it to any rule."""

    def __init__(self, message: str, where: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True)
class Module:
    """One parsed Python file. ``dotted`` is its import name as if the plugin stood in the tree."""

    plugin: Plugin = field(repr=False)
    path: Path
    dotted: str
    tree: ast.Module = field(repr=False)

    def at(self, node: ast.AST | None = None) -> str:
        """Where a finding about ``node`` points to."""
        name = self.path.relative_to(self.plugin.folder).as_posix()
        line = getattr(node, "lineno", None)
        return f"{name}:{line}" if line else name

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file."""
        return list(ast.walk(self.tree))

    @cached_property
    def calls(self) -> list[ast.Call]:
        """Every call in the file."""
        return [node for node in self.nodes if isinstance(node, ast.Call)]

    @cached_property
    def imported(self) -> dict[str, str]:
        """Local names to the full names they were imported from, wherever in the file."""
        names: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    names[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else (alias.name.partition(".")[0])
                    )
            elif isinstance(node, ast.ImportFrom):
                source = self.source_of(node)
                names.update({alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names})
        return names

    def source_of(self, node: ast.ImportFrom) -> str:
        """Full name of the module a ``from … import`` reads, relative ones resolved."""
        if not node.level:
            return node.module or ""
        parts = self.dotted.split(".")
        base = parts if self.path.name == "__init__.py" else parts[:-1]
        base = base[: len(base) - (node.level - 1)]
        return ".".join([*base, *(node.module or "").split(".")]).rstrip(".")

    def name_of(self, node: ast.AST) -> str:
        """Full name of a name or attribute chain: ``models.Party`` → ``plugins.customers.models.Party``; else ''."""
        if isinstance(node, ast.Name):
            return self.imported.get(node.id, f"{self.dotted}.{node.id}")
        if isinstance(node, ast.Attribute):
            base = self.name_of(node.value)
            return f"{base}.{node.attr}" if base else ""
        return ""

    @cached_property
    def constants(self) -> dict[str, ast.expr]:
        """Values assigned once at the top of the file, by name."""
        values: dict[str, ast.expr] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                values[node.target.id] = node.value
        return values

    def value(self, node: ast.AST | None) -> Any:
        """The literal value of an expression, through constants of the plugin; ``UNKNOWN`` when it takes running."""
        if node is None:
            return None
        if isinstance(node, ast.Name) and node.id in self.constants:
            return self.value(self.constants[node.id])
        if isinstance(node, ast.Name):
            source, _, name = self.name_of(node).rpartition(".")
            other = self.plugin.by_name.get(source)
            return other.value(other.constants.get(name)) if other and name in other.constants else UNKNOWN
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError):
            return UNKNOWN


@dataclass(frozen=True)
class Plugin:
    """A plugin's folder. ``manifest`` is empty when ``plugin.toml`` cannot be parsed (rule CRM001 says so)."""

    folder: Path
    name: str
    manifest: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Plugin:
        """Read the manifest; the rest is read when a rule asks for it.

        Raises:
            Unreadable: there is no ``plugin.toml``, or a Python file cannot be compiled.
        """
        file = folder / "plugin.toml"
        if not file.is_file():
            raise Unreadable("no plugin.toml; `crm plugin new` writes one", "plugin.toml")
        try:
            manifest = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Unreadable(f"not valid TOML: {error}", "plugin.toml") from error
        name = manifest.get("name")
        plugin = cls(folder, name if isinstance(name, str) else folder.name, manifest)
        _ = plugin.modules, plugin.migrations
        return plugin

    def _parse(self, path: Path) -> Module:
        parts = [part for part in path.relative_to(self.folder).with_suffix("").parts if part != "__init__"]
        try:
            tree = ast.parse(path.read_bytes(), filename=str(path))
            # Parsing lets pass what compiling does not, such as a ``return`` outside a function.
            compile(tree, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            where = path.relative_to(self.folder).as_posix()
            raise Unreadable(
                f"not valid Python, mend this line: {getattr(error, 'msg', error)}",
                f"{where}:{line}" if line else where,
            ) from error
        return Module(self, path, ".".join(["plugins", self.name, *parts]), tree)

    @cached_property
    def modules(self) -> list[Module]:
        """The product's Python files: without migrations and tests."""
        found = []
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder).parts[:-1]
            if not _NOT_PRODUCT.intersection(parts) and parts[:1] != ("migrations",):
                found.append(self._parse(path))
        return found

    @cached_property
    def by_name(self) -> dict[str, Module]:
        """The product's files by import name."""
        return {self.canonical(module.dotted): module for module in self.modules}

    @cached_property
    def migrations(self) -> list[Module]:
        """The migration files."""
        return [self._parse(path) for path in sorted((self.folder / "migrations" / "versions").glob("[!_]*.py"))]

    @cached_property
    def templates(self) -> list[Path]:
        """Every file under ``templates/``."""
        return sorted(path for path in (self.folder / "templates").rglob("*") if path.is_file())

    @property
    def requires(self) -> list[str]:
        """Names of the plugins the manifest requires."""
        given = self.manifest.get("requires", {})
        return list(given) if isinstance(given, dict) else []

    def canonical(self, dotted: str) -> str:
        """An own module's name as if the plugin stood in the tree, however it was imported."""
        top, _, rest = dotted.partition(".")
        if top == self.folder.name and top != "plugins":
            return ".".join(filter(None, ["plugins", self.name, rest]))
        return dotted

    def owns(self, dotted: str) -> bool:
        """Whether a full name lies in this plugin."""
        name = self.canonical(dotted)
        return name == f"plugins.{self.name}" or name.startswith(f"plugins.{self.name}.")

    def relative(self, path: Path) -> str:
        """A file's name within the plugin's folder."""
        return path.relative_to(self.folder).as_posix()

    def each_call(self) -> Iterator[tuple[Module, ast.Call]]:
        """Every call in the product's files."""
        for module in self.modules:
            for call in module.calls:
                yield module, call
