"""What plugins that require customers may import; everything else here is private.

``Party`` to join and to refer to: ``ForeignKey("customers_party.id")``, ``relationship(Party)`` one-way, and
``__scope__ = {"customers.party": "<column>"}`` so that rows follow the customer. ``by_number`` finds one by the number
people see. ``shown_name`` is what to show of its name: masked for persons, as on the customers' own pages.
"""

from __future__ import annotations

from plugins.customers.models import Party
from plugins.customers.services.directory import shown_name
from plugins.customers.services.parties import by_number

__all__ = ["Party", "by_number", "shown_name"]
