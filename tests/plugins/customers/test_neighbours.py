"""What plugins that build on customers may do to it: nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, configure_mappers, mapped_column, relationship

from core.db.base import discard, plugin_base


def test_one_that_fails_after_it_was_mapped_leaves_the_customers_alone(clerk: Any) -> None:
    """A model as the guide recommends it, scoped by the customer and related to it, whose plugin then breaks."""
    from plugins.customers.models import Party

    class Visit(plugin_base("neighbour")):  # type: ignore[misc]
        __tablename__ = "neighbour_visit"
        __scope__: ClassVar = {"customers.party": "party_id"}

        id: Mapped[int] = mapped_column(primary_key=True)
        party_id: Mapped[int] = mapped_column(ForeignKey("customers_party.id"))
        party: Mapped[Party] = relationship(Party)

    kept = Visit.__mapper__  # as what its relationship points to may keep it
    configure_mappers()
    try:
        assert clerk.get("/customers/").status_code == 200
    finally:
        discard("neighbour")
    assert kept is not None
    assert clerk.get("/customers/").status_code == 200
    assert clerk.get("/customers/P0000000001").status_code in {200, 404}
