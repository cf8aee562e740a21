"""Merges and deletions reach everybody who may hold the key: in the transaction, or by the journal later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from core.contract import IntegrityEvent
from core.contract.protocols import PluginFailed
from core.db.types import now
from core.host import store
from core.host.models import JournalRow

if TYPE_CHECKING:
    from core.host import Host

HOOK = "crm_integrity"


class Integrity:
    """Tells plugins what became of a subject, and keeps what they could not be told."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def tell(self, session: Session, event: IntegrityEvent) -> None:
        """Call those whose schema matches, on or off, each in a savepoint; journal the event for all others."""
        snapshot = self._host.snapshot()
        told: set[str] = set()
        for implementation in self._host.loader.implementations.get(HOOK, ()):
            fits = snapshot.states.get(implementation.plugin, ("", ""))[0] in {"enabled", "disabled"}
            if fits and self._follow(implementation.plugin, session, event):
                told.add(implementation.plugin)
        for plugin in sorted(self._others(session) - told):
            said = {"subject": event.subject, "kind": event.kind, "key": event.key, "into": event.into}
            session.add(JournalRow(plugin=plugin, at=now(), **said))

    def _follow(self, plugin: str, session: Session, event: IntegrityEvent) -> bool:
        implementation = self._host.dispatch.implementation(plugin, HOOK)
        if implementation is None:
            return True
        values = {"event": event, "session": session}
        given = {name: values[name] for name in implementation.accepts}

        def run() -> None:
            with session.begin_nested():
                implementation.function(**given)

        try:
            self._host.dispatch.call(plugin, HOOK, run)
        except PluginFailed:
            return False
        return True

    def _others(self, session: Session) -> set[str]:
        """Plugins that may hold keys: all that were ever on, but for those known to follow no events."""
        p = store.plugins.c
        rows = session.execute(select(p.name).where(p.enabled_once.is_(True))).scalars()
        healthy = self._host.loader.plugins
        return {n for n in rows if n not in healthy or self._host.dispatch.implementation(n, HOOK) is not None}

    def waiting(self, connection: Connection) -> frozenset[str]:
        """Plugins with events to be replayed."""
        return frozenset(connection.execute(select(store.journal.c.plugin).distinct()).scalars())

    def replay(self, session: Session, plugin: str) -> None:
        """Tell one plugin what it missed, oldest first, in this transaction.

        Raises:
            PluginFailed: it cannot follow; roll back, everything stays in the journal.
        """
        j = store.journal.c
        connection = session.connection()
        rows = connection.execute(select(store.journal).where(j.plugin == plugin).order_by(j.id)).all()
        for row in rows:
            if not self._follow(plugin, session, IntegrityEvent(row.subject, row.kind, row.key, row.into)):
                raise PluginFailed(plugin, HOOK, f"cannot follow that {row.subject} {row.key} was {row.kind}")
            connection.execute(delete(store.journal).where(j.id == row.id))

    def retry(self) -> None:
        """Try again for enabled plugins that failed at the time; each in a transaction of its own."""
        try:
            with store.reading(self._host.engine) as connection:
                waiting = self.waiting(connection) & self._host.snapshot().enabled
        except SQLAlchemyError as error:
            if store.is_missing_table(error):
                return
            raise
        for plugin in sorted(waiting):
            try:
                with self._host.transaction(f"replay for {plugin}") as session:
                    self.replay(session, plugin)
            except PluginFailed:
                continue  # noted; it stays in the journal
