"""Taking customers in from a source's delivery: only what changed is written, nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from core.sdk import orgs
from core.sdk.hooks import Publication
from core.sdk.models import keyed_index, now
from plugins.customers.models import Counter, Delivery, NameEntry, Party, Xref
from plugins.customers.services import facets, names
from plugins.customers.services.codes import PERSON

BATCH = 1_000

_party: Table = Party.__table__  # type: ignore[assignment]
_xref: Table = Xref.__table__  # type: ignore[assignment]
_entry: Table = NameEntry.__table__  # type: ignore[assignment]

Row = Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """What a delivery did."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    gone: int = 0
    unknown_orgs: int = 0


@dataclass(slots=True)
class _Known:
    """A customer as it stands: enough to see whether the delivered row says anything new."""

    id: int
    hash: str
    gone: bool


@dataclass(slots=True)
class Intake:
    """One delivery on its way in."""

    session: Session
    source: str
    legal_entity: str
    day: date
    orgs: dict[str, int] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    seen: set[str] = field(default_factory=set)

    def take(self, batch: list[Row]) -> None:
        """Write what is new or different in this batch."""
        batch = self._without_repeats(batch)
        known = self._known([str(row["source_cust_id"]) for row in batch])
        new: list[tuple[Row, str]] = []
        changed: list[tuple[int, Row, str]] = []
        for row in batch:
            self.tally.rows += 1
            self.tally.unknown_orgs += bool(row.get("org_code")) and row["org_code"] not in self.orgs
            there, digest = known.get(str(row["source_cust_id"])), fingerprint(row, self._home(row))
            if there is None:
                new.append((row, digest))
            elif there.hash != digest or there.gone:
                changed.append((there.id, row, digest))
        self._add(new)
        self._change(changed)

    def finish(self) -> Tally:
        """Mark those a full delivery came without, and remember the delivery."""
        missing = [party_id for number, party_id in self._all_present() if number not in self.seen]
        for chunk in chunks(missing, BATCH):
            self.session.execute(update(_party).where(_party.c.id.in_(list(chunk))).values(source_deleted_at=now()))
        self.tally.gone = len(missing)
        self._remember()
        return self.tally

    # -- reading ------------------------------------------------------------------------------------------------------

    def _without_repeats(self, batch: list[Row]) -> list[Row]:
        """The first row of each number; the warehouse keeps keys unique, this keeps a slip of it harmless."""
        fresh: list[Row] = []
        for row in batch:
            number = str(row["source_cust_id"])
            if number not in self.seen:
                self.seen.add(number)
                fresh.append(row)
        return fresh

    def _known(self, numbers: list[str]) -> dict[str, _Known]:
        rows = self.session.execute(
            select(_xref.c.source_cust_id, _party.c.id, _party.c.source_hash, _party.c.source_deleted_at)
            .join(_party, _party.c.id == _xref.c.party_id)
            .where(_xref.c.source == self.source, _xref.c.source_cust_id.in_(numbers))
        )
        return {number: _Known(id_, digest, gone is not None) for number, id_, digest, gone in rows}

    def _all_present(self) -> Iterator[tuple[str, int]]:
        last = 0
        while True:
            rows = self.session.execute(
                select(_xref.c.id, _xref.c.source_cust_id, _xref.c.party_id)
                .join(_party, _party.c.id == _xref.c.party_id)
                .where(_xref.c.source == self.source, _xref.c.id > last, _party.c.source_deleted_at.is_(None))
                .order_by(_xref.c.id)
                .limit(10 * BATCH)
            ).all()
            yield from ((row.source_cust_id, row.party_id) for row in rows)
            if len(rows) < 10 * BATCH:
                return
            last = rows[-1].id

    def _home(self, row: Row) -> int | None:
        return self.orgs.get(str(row.get("org_code") or ""))

    # -- writing ------------------------------------------------------------------------------------------------------

    def _add(self, new: list[tuple[Row, str]]) -> None:
        if not new:
            return
        first = take_numbers(self.session, "party", len(new))
        parties, refs = [], []
        for number, (row, digest) in enumerate(new, first):
            values = self._values(row, digest)
            parties.append({**values, "id": number, "party_id": f"P{number:010d}", "version": 1})
            refs.append(
                {
                    "source": self.source,
                    "source_cust_id": str(row["source_cust_id"]),
                    "legal_entity": self.legal_entity,
                    "party_id": number,
                    "valid_from": self.day,
                }
            )
        self.session.execute(insert(_party), parties)
        self.session.execute(insert(_xref), refs)
        self._index((p["id"], p["name"], None, p["kind"]) for p in parties)
        self.tally.added += len(new)

    def _change(self, changed: list[tuple[int, Row, str]]) -> None:
        if not changed:
            return
        values = [{**self._values(row, digest), "b_id": id_} for id_, row, digest in changed]
        columns: dict[str, Any] = {name: bindparam(name) for name in values[0] if name != "b_id"}
        self.session.execute(update(_party).where(_party.c.id == bindparam("b_id")).values(columns), values)
        self.session.execute(delete(_entry).where(_entry.c.party_id.in_([id_ for id_, _, _ in changed])))
        called = self._short_names([v["b_id"] for v in values])
        self._index((v["b_id"], v["name"], called.get(v["b_id"]), v["kind"]) for v in values)
        self.tally.changed += len(changed)

    def _values(self, row: Row, digest: str) -> dict[str, Any]:
        return {
            **facets.columns_of(row),
            "legal_entity": self.legal_entity,
            "home_org_id": self._home(row),
            "source_hash": digest,
            "source_date": self.day,
            "source_deleted_at": None,
        }

    def _short_names(self, ids: list[int]) -> dict[int, str]:
        statement = select(_party.c.id, _party.c.short_name).where(
            _party.c.id.in_(ids), _party.c.short_name.is_not(None)
        )
        return {row.id: row.short_name for row in self.session.execute(statement)}

    def _index(self, named: Iterable[tuple[int, str | None, str | None, str]]) -> None:
        rows = [
            {"party_id": id_, "text": text}
            for id_, name, short_name, kind in named
            for text in sorted(names.of_party(name, short_name, person=kind == PERSON))
        ]
        if rows:
            self.session.execute(insert(_entry), rows)

    def _remember(self) -> None:
        delivery = self.session.get(Delivery, self.source)
        if delivery is None:
            delivery = Delivery(source=self.source)
            self.session.add(delivery)
        delivery.legal_entity, delivery.business_date, delivery.at = self.legal_entity, self.day, now()
        delivery.rows, delivery.added, delivery.changed = self.tally.rows, self.tally.added, self.tally.changed
        delivery.gone, delivery.unknown_orgs = self.tally.gone, self.tally.unknown_orgs
        self.session.flush()


def take_in(publication: Publication) -> Tally:
    """Bring the customers of one full delivery into the database, in the transaction that publishes it.

    A customer keeps its number for ever; who is missing is marked, not deleted. An organisation code nobody here has
    leaves the customer without a home organisation, so that only those who see the whole bank see it, and is counted.
    A delivery older than the newest one taken in changes nothing: it is history.
    """
    session = publication.session
    newest = session.get(Delivery, publication.source)
    if newest is not None and newest.business_date > publication.business_date:
        return Tally()
    intake = Intake(session, publication.source, publication.legal_entity, publication.business_date)
    intake.orgs = orgs.ids_by_code(session)
    for batch in chunks(publication.rows(), BATCH):
        intake.take(list(batch))
    return intake.finish()


def apply(publication: Publication) -> None:
    """What the feed ``customers.party`` does when a day is published."""
    take_in(publication)


def fingerprint(row: Row, home_org_id: int | None) -> str:
    """Keyed hash of a delivered row and where it would go. Keyed, because a plain one could be guessed back."""
    said = "\x1f".join("" if row.get(name) is None else f"={row[name]}" for name in facets.SOURCE_COLUMNS)
    return keyed_index(f"{said}\x1f{home_org_id}", "customers.row")


def take_numbers(session: Session, name: str, count: int) -> int:
    """Take ``count`` consecutive numbers of a sequence; the first is returned. None of them is ever given again."""
    counter = session.get(Counter, name, with_for_update=True)
    if counter is None:
        counter = Counter(name=name, next=1)
        session.add(counter)
    first = counter.next
    counter.next = first + count
    session.flush()
    return first


def chunks(things: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The things in lists of at most ``size``."""
    rest = iter(things)
    while chunk := list(islice(rest, size)):
        yield chunk
