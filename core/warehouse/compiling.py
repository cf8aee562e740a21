"""From the shape of a question to DuckDB's SQL, through one Ibis expression.

Values come as parameters: a scalar stands in the expression as a marked text, a list as a small table, and both are
replaced in the syntax tree.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from core.warehouse import engine
from core.warehouse.feeds import UnknownDataset
from core.warehouse.shapes import Filter, Shape, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir

_MARK = "\u0001:"
_IBIS = {
    "VARCHAR": "string",
    "DATE": "date",
    "BIGINT": "int64",
    "DECIMAL(18,2)": "decimal(18, 2)",
    "DECIMAL(14,7)": "decimal(14, 7)",
    "DECIMAL(30,10)": "decimal(30, 10)",
}


@lru_cache(maxsize=512)
def sql(shape: Shape) -> str:
    """DuckDB SQL of a shape, without LIMIT. Parameters: ``files`` (and ``files_N`` of other feeds), ``given_N``,
    ``sources_N``, ``start_N``, ``end_N`` by the number of the filter, ``after_N`` by that of the order.

    ``given_N`` and ``sources_N`` are JSON lists: in a list proper each value costs the engine a third of a millisecond.
    """
    engine.load()
    from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

    tree = DuckDBCompiler().to_sqlglot(_expression(shape))
    return _with_parameters(tree, shape)


def _expression(shape: Shape) -> ir.Table:
    import ibis

    facts = _unbound("facts", shape.facts)
    for number, condition in enumerate(shape.filters):
        facts = _filtered(facts, number, condition)
    if shape.measures:
        figures = {name: _measure(facts, column, how) for name, column, how in shape.measures}
        groups = [facts[column].name(name) for name, column in shape.columns]
        result = facts.group_by(groups).aggregate(**figures) if groups else facts.aggregate(**figures)
    else:
        result = facts.select(**{name: facts[column] for name, column in shape.columns})
    if shape.after:
        result = result.filter(_beyond(result, shape))
    keys = [
        ibis.desc(result[o.column], nulls_first=False)
        if o.descending
        else ibis.asc(result[o.column], nulls_first=False)
        for o in shape.order
    ]
    ordered: ir.Table = result.order_by(keys) if keys else result
    return ordered


def _unbound(name: str, table: Table) -> ir.Table:
    import ibis

    found: ir.Table = ibis.table({column: _IBIS[kind] for column, kind in table.columns}, name=name)
    return found


def _filtered(facts: ir.Table, number: int, condition: Filter) -> ir.Table:
    place = condition.place
    if place.via is None:
        return _condition(facts, number, condition)
    via = place.via
    other = _condition(_unbound(f"via_{number}", via.table), number, condition)
    # A reference holds within one legal entity; two banks may use the same number.
    joined: ir.Table = facts.semi_join(
        other, [facts[via.here] == other[via.there], facts["legal_entity"] == other["legal_entity"]]
    )
    return joined


def _condition(table: ir.Table, number: int, condition: Filter) -> ir.Table:
    import ibis

    column = table[condition.place.column]
    found: ir.Table
    if condition.kind == "null":
        found = table.filter(column.isnull())
    elif condition.kind == "range":
        if condition.start:
            table = table.filter(column >= _scalar(f"start_{number}", column))
        found = table.filter(column <= _scalar(f"end_{number}", column)) if condition.end else table
    elif condition.kind == "source_keys":
        keys = ibis.table({"source": "string", "key": "string"}, name=f"given_{number}")
        found = table.semi_join(keys, [column == keys["key"], table["source"] == keys["source"]])
    else:
        given = ibis.table({"key": column.type()}, name=f"given_{number}")
        found = table.semi_join(given, [column == given["key"]])
    return found


def _scalar(name: str, like: Any) -> Any:
    import ibis

    return ibis.literal(_MARK + name).cast(like.type())


def _measure(facts: ir.Table, column: str, how: str) -> Any:
    if how not in {"sum", "count", "max", "min"}:
        raise UnknownDataset(f"a measure cannot be added up by {how!r}")
    return getattr(facts[column], how)()


def _beyond(table: ir.Table, shape: Shape) -> Any:
    """True for rows that come after the last row of the page before."""
    import ibis

    found: Any = ibis.literal(False)
    equal: Any = ibis.literal(True)
    for number, (order, there) in enumerate(zip(shape.order, shape.after, strict=True)):
        column = table[order.column]
        if there:
            last = _scalar(f"after_{number}", column)
            further = column < last if order.descending else column > last
            found = found | (equal & (further | column.isnull()))
            equal = equal & (column == last)
        else:
            equal = equal & column.isnull()
    return found


def _with_parameters(tree: Any, shape: Shape) -> str:
    import sqlglot
    from sqlglot import exp

    sources = {"facts": _facts_sql("files", shape.facts)}
    for number, condition in enumerate(shape.filters):
        sources[f"given_{number}"] = _given_sql(number, condition, shape.facts)
        if condition.place.via is not None:
            sources[f"via_{number}"] = _facts_sql(f"files_{number}", condition.place.via.table)

    def replace(node: Any) -> Any:
        if isinstance(node, exp.Literal) and node.is_string and str(node.this).startswith(_MARK):
            return exp.Parameter(this=exp.Var(this=str(node.this)[len(_MARK) :]))
        if isinstance(node, exp.Table) and node.name in sources:
            inner = sqlglot.parse_one(sources[node.name], dialect="duckdb")
            return exp.Subquery(this=inner, alias=node.args.get("alias"))
        return node

    text: str = tree.transform(replace).sql("duckdb")
    return text


def _facts_sql(parameter: str, table: Table) -> str:
    """The files as one table that has every column of the feed, also those older files were written without."""
    names = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in table.columns)
    columns = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in table.columns)
    read = f"read_parquet(${parameter}, hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
    return f"SELECT {columns} FROM (SELECT * FROM {read} UNION ALL BY NAME SELECT {names} WHERE FALSE)"


def _given_sql(number: int, condition: Filter, facts: Table) -> str:
    if condition.kind == "source_keys":
        source = f"UNNEST(CAST(CAST($sources_{number} AS JSON) AS TEXT[])) AS source"
        return f"SELECT {source}, UNNEST(CAST(CAST($given_{number} AS JSON) AS TEXT[])) AS key"
    table = condition.place.via.table if condition.place.via else facts
    kind = table.type(condition.place.column)
    return f"SELECT UNNEST(CAST(CAST($given_{number} AS JSON) AS {kind}[])) AS key"
