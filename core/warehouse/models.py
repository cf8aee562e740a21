"""What the warehouse remembers in the database: loads, the published partitions, and the lines it refused."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from core.db.base import CoreBase
from core.db.secrets import Encrypted


class LoadState(StrEnum):
    """How far one load of one file came."""

    LOADING = "loading"
    PUBLISHED = "published"
    REPLACED = "replaced"
    HELD = "held"
    FAILED = "failed"


class Load(CoreBase):
    """One attempt to load one table of one source for one day. History stays; a partition names the load it is of."""

    __tablename__ = "core_load"
    __table_args__ = (Index("ix_core_load_day", "source", "table_name", "business_date", "state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(40))
    table_name: Mapped[str] = mapped_column(String(80))
    business_date: Mapped[date]
    feed: Mapped[str] = mapped_column(String(80), index=True)
    state: Mapped[str] = mapped_column(String(10))
    file: Mapped[str] = mapped_column(String(400))
    size: Mapped[int] = mapped_column(BigInteger)
    modified: Mapped[int] = mapped_column(BigInteger)
    """Modification time of the file in nanoseconds: with the size, tells a new delivery without reading it."""
    sha256: Mapped[str] = mapped_column(String(64), default="")
    rows_read: Mapped[int] = mapped_column(default=0)
    rows_loaded: Mapped[int] = mapped_column(default=0)
    rows_rejected: Mapped[int] = mapped_column(default=0)
    released: Mapped[bool] = mapped_column(default=False)
    """True when somebody looked at a held file and said it is right."""
    message: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Partition(CoreBase):
    """A published Parquet file. Readers read the files listed here and no others."""

    __tablename__ = "core_partition"
    __table_args__ = (
        UniqueConstraint("source", "table_name", "business_date", name="uq_core_partition_day"),
        Index("ix_core_partition_feed", "feed", "business_date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    feed: Mapped[str] = mapped_column(String(80))
    source: Mapped[str] = mapped_column(String(40))
    table_name: Mapped[str] = mapped_column(String(80))
    legal_entity: Mapped[str] = mapped_column(String(20))
    system: Mapped[str] = mapped_column(String(80))
    """Name of the source system as pages show it."""
    business_date: Mapped[date]
    path: Mapped[str] = mapped_column(String(400))
    """Below the warehouse folder, with forward slashes."""
    sha256: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int]
    load_id: Mapped[int] = mapped_column(ForeignKey("core_load.id"), index=True)
    published_at: Mapped[datetime]


class RejectedLine(CoreBase):
    """A line that was not loaded, with the reason. The line itself is encrypted: it may hold identifiers."""

    __tablename__ = "core_reject"

    id: Mapped[int] = mapped_column(primary_key=True)
    load_id: Mapped[int] = mapped_column(ForeignKey("core_load.id", ondelete="CASCADE"), index=True)
    line: Mapped[int]
    """Number in the delivered file, header counted, from 1."""
    reason: Mapped[str] = mapped_column(String(30))
    column_name: Mapped[str] = mapped_column(String(80), default="")
    message: Mapped[str] = mapped_column(String(400))
    raw: Mapped[str | None] = mapped_column(Encrypted())
    """The bytes as delivered, in hexadecimal."""

    @property
    def raw_bytes(self) -> bytes:
        """The line exactly as it was delivered, without its end."""
        return bytes.fromhex(self.raw or "")
