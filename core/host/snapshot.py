"""The set of plugins that are on, as an immutable snapshot that a request keeps from its beginning to its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from flask import has_request_context, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from core.db.types import now
from core.host import store

log = logging.getLogger(__name__)

ENVIRON = "crm.snapshot"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Implements :class:`core.contract.protocols.Snapshot`.

    ``states`` gives each plugin's state and, where it is not on, the reason. ``closed`` maps ``(plugin, hook)`` whose
    breaker is open to the moment it closes again. ``silent`` are those that should be on and cannot be.
    """

    epoch: int
    enabled: frozenset[str]
    states: Mapping[str, tuple[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    closed: Mapping[tuple[str, str], datetime] = field(default_factory=lambda: MappingProxyType({}))
    silent: frozenset[str] = frozenset()

    def is_closed(self, plugin: str, hook: str) -> bool:
        """Whether everybody keeps from calling this hook of this plugin for now."""
        until = self.closed.get((plugin, hook))
        return until is not None and until > now()


class Snapshots:
    """Keeps the newest snapshot and notices when it is no longer the newest.

    ``build(epoch)`` makes one; it is called once for each epoch, by one thread at a time.
    """

    def __init__(self, engine: Engine, build: Callable[[int], Snapshot]) -> None:
        self.engine = engine
        self._build = build
        self._lock = threading.RLock()
        self._builder: int | None = None
        self.latest = Snapshot(0, frozenset())

    def read(self) -> Snapshot:
        """The snapshot in force now, at the price of reading one row.

        While the database cannot be read the last one known stands: error pages must still come up.
        """
        if self._builder == threading.get_ident():
            return self.latest  # what building calls must not build
        try:
            epoch = store.read_epoch(self.engine)
        except (SQLAlchemyError, self.engine.dialect.loaded_dbapi.Error) as error:
            log.error("the plugin epoch cannot be read: %s", error)
            return self.latest
        known = self._before_migrate if epoch is None else epoch == self.latest.epoch != 0
        if not known:
            self._rebuild(epoch)
        return self.latest

    @property
    def _before_migrate(self) -> bool:
        """Nothing has changed since the tables were found missing."""
        return self.latest.epoch == 0 and bool(self.latest.states)

    def _rebuild(self, epoch: int | None) -> None:
        with self._lock:
            if not epoch or epoch != self.latest.epoch:
                self._replace(epoch or store.ensure_epoch(self.engine))

    def refresh(self) -> Snapshot:
        """Build it anew even though nothing was switched: a migration has run, a plugin has healed."""
        with self._lock:
            self._replace(store.ensure_epoch(self.engine))
        return self.latest

    def _replace(self, epoch: int) -> None:
        self._builder = threading.get_ident()
        try:
            self.latest = self._build(epoch)
        finally:
            self._builder = None

    def current(self) -> Snapshot:
        """The snapshot of this request; outside of requests the one in force now."""
        if has_request_context():
            kept = request.environ.get(ENVIRON)
            if isinstance(kept, Snapshot):
                return kept
        return self.read()
