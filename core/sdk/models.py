"""What a plugin's models are made of. Example::

    from core.sdk.models import Versioned, plugin_base

    class Visit(Versioned, plugin_base("visits")):
        __tablename__ = "visits_visit"
        __scope__ = {"customers.party": "party_id"}   # rows follow the customer they are about
        id: Mapped[int] = mapped_column(primary_key=True)
        party_id: Mapped[int] = mapped_column(ForeignKey("customers_party.id"))

Every table belongs to its plugin (prefix ``<plugin>_``). A model about a subject names the column that points to it in
``__scope__``; without it the rows are visible to everyone who may open the page.
"""

from __future__ import annotations

from core.db.base import plugin_base
from core.db.locking import Conflict, Versioned, check_version
from core.db.secrets import Encrypted, keyed_index
from core.db.types import Money, UTCDateTime, now, to_cents

__all__ = [
    "Conflict",
    "Encrypted",
    "Money",
    "UTCDateTime",
    "Versioned",
    "check_version",
    "keyed_index",
    "now",
    "plugin_base",
    "to_cents",
]
