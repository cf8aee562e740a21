"""The last line of defence: the SQL compiler notes every table it writes into a FROM and whether a scope guards it.

``do_orm_execute`` adds the criteria; this proves, on the statement as it will really be sent, that they arrived. So a
scoped table hidden in a subquery, a CTE, a column expression, a loader option or a mapping is found wherever it hides.
The notes are kept on the compiled statement, which SQLAlchemy caches, so a second execution costs one set operation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Table, event
from sqlalchemy.sql.compiler import SQLCompiler

from core.db.scope import ScopeError, scoped_tables

GUARDED = "crm_guarded"
"""Execution option of connections whose statements must prove their scope."""
WRITING = "crm_writing"
"""Execution option: callable giving the tables the unit of work is writing right now, row by row checked."""

_HARMLESS_LITERAL = re.compile(r"\*|\d+|NULL|'%'", re.IGNORECASE)
_HARMLESS_OPERATOR = re.compile(r"[^\w\s()'\";]{1,4}|[A-Za-z]+( [A-Za-z]+)*")
_READS_BY_NAME = re.compile(
    r"_to_xml|xmlschema|dblink|pg_read|pg_ls|ts_stat|ts_rewrite|load_extension|readfile|writefile|crosstab|connectby"
    r"|xpath_table|^lo_|pg_stat_file|set_config|fts3_tokenizer|cursor_",
    re.IGNORECASE,
)
_WORDS_THAT_READ = frozenset({"select", "from", "union", "join", "where", "with", "table", "values"})


class Notes:
    """What one compilation wrote: FROM tables, the guards that stood beside them, and raw SQL."""

    def __init__(self) -> None:
        self.froms: set[tuple[int, str, str]] = set()
        self.targets: set[tuple[int, str, str]] = set()
        self.guards: set[tuple[int, str]] = set()
        self.open: set[str] = set()
        self.raw: str = ""
        self.depth = 0
        self.joins: list[tuple[Any, int]] = []
        self.kept: list[Any] = []

    def unguarded(self) -> frozenset[str]:
        """Tables read in some FROM without a guard beside them."""
        return frozenset(self.open | self._loose(self.froms))

    def unguarded_targets(self) -> frozenset[str]:
        """Tables inserted into, updated or deleted from without a guard."""
        return frozenset(self._loose(self.targets))

    def _loose(self, places: set[tuple[int, str, str]]) -> set[str]:
        return {table for select, name, table in places if (select, name) not in self.guards}


class _GuardingCompiler(SQLCompiler):
    """Mixed in front of a dialect's own compiler."""

    _notes: Notes | None = None
    crm_unguarded: frozenset[str]
    crm_targets: frozenset[str]
    crm_raw: str

    def __init__(self, *args: Any, **kw: Any) -> None:
        self._notes = Notes()
        super().__init__(*args, **kw)
        self.crm_unguarded = self._notes.unguarded()
        self.crm_targets = self._notes.unguarded_targets()
        self.crm_raw = self._notes.raw
        self._notes = None

    # -- tables ---------------------------------------------------------------------------------------------------

    def visit_table(self, table: Any, *args: Any, **kw: Any) -> str:
        if args or kw.get("asfrom") or kw.get("ashint") or kw.get("within_tstring"):
            self._note_from(table, kw.get("enclosing_alias"), kw.get("iscrud", False))
        return super().visit_table(table, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def _note_from(self, table: Any, alias: Any, iscrud: bool) -> None:
        notes = self._notes
        if notes is None or notes.depth:
            return
        if not isinstance(table, Table):
            notes.raw = notes.raw or f"table({str(table.name)!r})"
        own = str(table.name).lower()
        select = self._select()
        name = str(alias.name) if alias is not None and alias.element is table else own
        if any(join.full for join, within in notes.joins if within == select):
            notes.open.add(own)  # a criterion in ON or WHERE does not filter both sides of a FULL JOIN the same way
        (notes.targets if iscrud else notes.froms).add((select, name, own))

    def _select(self) -> int:
        notes = self._notes
        selectable = self.stack[-1]["selectable"] if self.stack else None
        if notes is not None:
            notes.kept.append(selectable)  # ids are compared, so nothing may be freed and its id used again
        return id(selectable)

    def visit_join(self, join: Any, *args: Any, **kw: Any) -> str:
        if self._notes is None:
            return super().visit_join(join, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]
        self._notes.joins.append((join, self._select()))
        try:
            return super().visit_join(join, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]
        finally:
            self._notes.joins.pop()

    def visit_insert(self, insert_stmt: Any, *args: Any, **kw: Any) -> str:
        if self._notes is not None:
            target = str(insert_stmt.table.name).lower()
            self._notes.targets.add((id(insert_stmt), target, target))
        return super().visit_insert(insert_stmt, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]

    # -- guards ---------------------------------------------------------------------------------------------------

    def visit_crm_guard(self, guard: Any, **kw: Any) -> str:
        """Write the criterion; note the table it guards when it stands where it filters that table."""
        notes = self._notes
        if notes is None or notes.depth:
            return f"({self.process(guard.element, **kw)})"
        table = guard.anchor.table
        select = self._select()
        name = str(table.name) if not isinstance(table, Table) else table.name.lower()
        within = [join for join, inside in notes.joins if inside == select]
        if not within or _filters(within[-1], name):
            notes.guards.add((select, name))
        notes.depth += 1  # what the provider reads to decide is its own affair
        try:
            return f"({self.process(guard.element, **kw)})"
        finally:
            notes.depth -= 1

    # -- raw SQL --------------------------------------------------------------------------------------------------

    def _note_raw(self, what: Any) -> None:
        if self._notes is not None:
            self._notes.raw = self._notes.raw or str(what)

    def visit_textclause(self, textclause: Any, *args: Any, **kw: Any) -> str:
        self._note_raw("text()")
        return super().visit_textclause(textclause, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def visit_tstring(self, tstring: Any, *args: Any, **kw: Any) -> str:
        self._note_raw("tstring()")
        return super().visit_tstring(tstring, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def visit_textual_select(self, taf: Any, *args: Any, **kw: Any) -> str:
        self._note_raw("text()")
        return super().visit_textual_select(taf, *args, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> str:
        if column.is_literal and not _HARMLESS_LITERAL.fullmatch(str(column.name)):
            self._note_raw("literal_column()")
        return super().visit_column(column, *args, **kw)

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        self._check_operator(operator)
        return super().visit_custom_op_binary(element, operator, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def visit_custom_op_unary_operator(self, element: Any, operator: Any, **kw: Any) -> str:
        self._check_operator(operator)
        return super().visit_custom_op_unary_operator(element, operator, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def visit_custom_op_unary_modifier(self, element: Any, operator: Any, **kw: Any) -> str:
        self._check_operator(operator)
        return super().visit_custom_op_unary_modifier(element, operator, **kw)  # type: ignore[no-any-return, no-untyped-call]

    def _check_operator(self, operator: Any) -> None:
        words = set(str(operator.opstring).lower().split())
        if not _HARMLESS_OPERATOR.fullmatch(operator.opstring) or words & _WORDS_THAT_READ:
            self._note_raw("op()")

    def visit_function(self, func: Any, *args: Any, **kw: Any) -> str:
        if _READS_BY_NAME.search(".".join([*func.packagenames, func.name])):
            self._note_raw(f"func.{func.name}()")
        return super().visit_function(func, *args, **kw)

    def format_from_hint_text(self, sqltext: Any, table: Any, hint: Any, iscrud: Any) -> Any:
        self._note_raw("with_hint()")
        return super().format_from_hint_text(sqltext, table, hint, iscrud)  # type: ignore[no-untyped-call]

    def get_statement_hint_text(self, hint_texts: Any) -> Any:
        self._note_raw("with_statement_hint()")
        return super().get_statement_hint_text(hint_texts)  # type: ignore[no-untyped-call]


def _filters(join: Any, name: str) -> bool:
    """True when a criterion in the ON of ``join`` keeps rows of ``name`` out: not on the outer side."""
    if join.full:
        return False
    if not join.isouter:
        return True
    return name in {
        str(f.name).lower() if isinstance(f, Table) else str(f.name)
        for f in join.right._from_objects
        if hasattr(f, "name")
    }


def _guarding(compiler: type[SQLCompiler]) -> type[SQLCompiler]:
    return type(f"Guarding{compiler.__name__}", (_GuardingCompiler, compiler), {})


def install(engine: Engine) -> None:
    """Give ``engine`` the compiler that notes, and refuse what it notes in sessions that have a scope. Idempotent."""
    compiler = engine.dialect.statement_compiler
    if not issubclass(compiler, _GuardingCompiler):
        engine.dialect.statement_compiler = _guarding(compiler)
        event.listen(engine, "before_cursor_execute", _refuse)


def _refuse(conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    options: Mapping[str, Any] = conn.get_execution_options()
    if not options.get(GUARDED):
        return
    compiled = context.compiled if context is not None else None
    if not isinstance(compiled, _GuardingCompiler):
        raise ScopeError("this session takes no SQL text and no DDL; open unscoped(reason) for that")
    if compiled.crm_raw:
        raise ScopeError(f"{compiled.crm_raw} cannot be scoped; write it as an expression or open unscoped(reason)")
    scoped = scoped_tables()
    loose = (compiled.crm_unguarded | compiled.crm_targets) & scoped
    if loose:
        loose = (compiled.crm_unguarded | (compiled.crm_targets - options[WRITING]())) & scoped
    if loose:
        raise ScopeError(f"row scope cannot be applied to {', '.join(sorted(loose))} in this statement")
