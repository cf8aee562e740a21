"""Tables of the plugin host: what was decided about each plugin, who still serves what, and what waits to be told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.types import now

BigId = BigInteger().with_variant(Integer, "sqlite")


class PluginRow(CoreBase):
    """One plugin that was ever found. ``wanted`` is what people decided; ``state`` and ``reason`` what came of it."""

    __tablename__ = "core_plugin"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    version: Mapped[str] = mapped_column(String(64), default="")
    origin: Mapped[str] = mapped_column(String(500), default="")
    wanted: Mapped[str] = mapped_column(String(16))
    """``discovered`` (nobody has decided), ``enabled`` or ``disabled``."""
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text, default="")
    enabled_once: Mapped[bool] = mapped_column(default=False)
    """False until its first enabling, when its seeds run."""
    changed_by: Mapped[str] = mapped_column(String(100), default="")
    changed_why: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime | None]
    found_at: Mapped[datetime] = mapped_column(default=now)


class PluginEpoch(CoreBase):
    """A single row; its number grows with every switch, and every request reads it."""

    __tablename__ = "core_plugin_epoch"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)


class WorkerRow(CoreBase):
    """A process that serves, and the oldest epoch a request in it may still be working with."""

    __tablename__ = "core_worker"

    host: Mapped[str] = mapped_column(String(200), primary_key=True)
    pid: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime]
    beat_at: Mapped[datetime] = mapped_column(index=True)


class FaultRow(CoreBase):
    """A failure of one plugin's hook. While ``closed_until`` lies ahead, the hook is not called by anybody."""

    __tablename__ = "core_plugin_fault"
    __table_args__ = (Index(None, "plugin", "hook"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    hook: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    """``raised``, ``slow``, ``waits``, ``spins`` or ``hung``."""
    reason: Mapped[str] = mapped_column(Text)
    trace: Mapped[str] = mapped_column(Text, default="")
    count: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime] = mapped_column(index=True)
    closed_until: Mapped[datetime | None] = mapped_column(index=True)


class OutboxRow(CoreBase):
    """An event, written in the transaction it tells of. ``position`` is given after commit, so that none is skipped."""

    __tablename__ = "core_outbox"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    position: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    type: Mapped[str] = mapped_column(String(200))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime]


class OutboxCursor(CoreBase):
    """How far one plugin has been told. The row named ``*`` holds the last position given out."""

    __tablename__ = "core_outbox_cursor"

    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]


class JournalRow(CoreBase):
    """A merge or deletion that a plugin could not follow at the time; replayed before it is enabled."""

    __tablename__ = "core_integrity_journal"
    __table_args__ = (UniqueConstraint("plugin", "subject", "kind", "key", "into", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    key: Mapped[str] = mapped_column(String(200))
    into: Mapped[str | None] = mapped_column(String(200))
    at: Mapped[datetime]
