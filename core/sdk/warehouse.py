"""Facts that systems send: declare feeds and datasets, query datasets. Example::

    rows = query("customers.transactions", where={"account_id": ids}, order_by=("-date",), limit=20)
    rows.as_of, rows.source        # shown beside every figure

Queries run in the scope of the request's action; nothing here hands out a connection or a path.
"""

from __future__ import annotations

from core.contract import Column, Dataset, Dimension, Feed, Measure, Publication
from core.warehouse import Range, Rows, UnknownDataset, as_of, query, source_titles, warm

__all__ = [
    "Column",
    "Dataset",
    "Dimension",
    "Feed",
    "Measure",
    "Publication",
    "Range",
    "Rows",
    "UnknownDataset",
    "as_of",
    "query",
    "source_titles",
    "warm",
]
