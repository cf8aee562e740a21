"""Finding customers: by name, pinyin, initials, customer number, document or phone, or the last four of either.

Everything is a lookup in an index. A name is found through entries the query must be the beginning of, compared as a
range, which both databases read from the index whatever their collation. Numbers are found through keyed indexes;
nothing is ever decrypted to look for something.

What a search finds is gathered first and sorted afterwards: :class:`found_in` keeps PostgreSQL from walking down the
sorted list in the hope of hits, which for a rare name, or a surname far down, reads everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from core.sdk.models import keyed_index
from plugins.customers.models import NameEntry, Party, Xref
from plugins.customers.services import facets, identifiers, names

HIGHEST = "\U0010ffff"
_TAIL = re.compile(r"[0-9]{3}[0-9X]")
LONGEST = 100
"""Characters of a query that count."""


class found_in(FunctionElement[bool]):
    """``found_in(column, subquery)``: true where the column is one of the values of the scalar subquery.

    SQLite gets ``IN``. PostgreSQL would make that a join and may begin it at the wrong end; an array is filled first
    and taken for a handful of values, so these are fetched by key, and the bitmaps of several terms laid together.
    """

    name = "found_in"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Itself: as a criterion SQLAlchemy would write ``… = 1`` for SQLite, which then reads everybody."""
        return self


@compiles(found_in)
def _as_in(element: found_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **kw)} IN {compiler.process(values, **kw)}"


@compiles(found_in, "postgresql")
def _as_array(element: found_in, compiler: SQLCompiler, **kw: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **kw)} = ANY (ARRAY{compiler.process(values, **kw)})"


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody typed, and whether it asks for a person by a number (which is audited)."""

    text: str

    @property
    def by_identifier(self) -> bool:
        """True when the query looks up a document or phone number, whole or by its end."""
        return bool(_lookups(self.text))

    @property
    def by_last_four(self) -> bool:
        """True when only the end of a number was given, which could be counted through."""
        return bool(_TAIL.fullmatch(identifiers.squeeze(self.text)))


def matching(text: str) -> ColumnElement[bool]:
    """SQL over :class:`Party` that is true for customers the query finds; an empty query finds nobody."""
    text = text.strip()[:LONGEST]
    terms = [*_name_terms(text), *_number_terms(text), *_identifier_terms(text)]
    # Not ``false()``: SQLAlchemy folds that with the row scope into one word, and the scope can no longer be seen.
    return or_(*terms) if terms else Party.id.in_([])


def prefix(column: InstrumentedAttribute[Any], beginning: str) -> ColumnElement[bool]:
    """True where the column begins so: a range, because LIKE uses an index under special conditions only."""
    return (column >= beginning) & (column < beginning + HIGHEST)


def _name_terms(text: str) -> list[ColumnElement[bool]]:
    wanted = names.normalised(text)[: names.LONGEST]
    if not wanted or wanted.isdigit():
        return []
    entries = select(NameEntry.party_id).where(prefix(NameEntry.text, wanted))
    return [found_in(Party.id, entries.scalar_subquery())]


def _number_terms(text: str) -> list[ColumnElement[bool]]:
    """Our customer number, whole or its beginning, and the numbers the sources use, whole."""
    plain = identifiers.squeeze(text)
    if not plain or not plain.isascii():
        return []
    terms: list[ColumnElement[bool]] = []
    if re.fullmatch(r"P[0-9]{1,10}", plain):
        terms.append(prefix(Party.party_id, plain))
    elif re.fullmatch(r"[0-9]{10}", plain):
        terms.append(Party.party_id == f"P{plain}")
    if re.search(r"[0-9]", plain):
        numbered = select(Xref.party_id).where(Xref.source_cust_id.in_({plain, text}))
        terms.append(found_in(Party.id, numbered.scalar_subquery()))
    return terms


def _identifier_terms(text: str) -> list[ColumnElement[bool]]:
    return [column == keyed_index(value, purpose) for column, value, purpose in _lookups(text)]


def _lookups(text: str) -> list[tuple[InstrumentedAttribute[Any], str, str]]:
    """Index columns to look into, the value in the form it was indexed in, and under which purpose."""
    plain = identifiers.squeeze(text)
    if _TAIL.fullmatch(plain):
        return [
            (Party.cert_last4_index, plain, facets.CERT_TAIL),
            (Party.mobile_last4_index, plain, facets.MOBILE_TAIL),
        ]
    if re.fullmatch(r"P[0-9]+", plain):
        return []  # our own number
    found: list[tuple[InstrumentedAttribute[Any], str, str]] = []
    phone = identifiers.mobile(text)
    if phone.level is not identifiers.Level.ERROR:
        found.append((Party.mobile_index, phone.normalized, facets.MOBILE))
    if 7 <= len(plain) <= 20 and plain.isascii() and re.search(r"[0-9]{5}", plain):
        found.append((Party.cert_index, identifiers.canonical(plain), facets.CERT))
    return found
