"""Tables of customers."""

from plugins.customers.models.delivery import Counter, Delivery
from plugins.customers.models.name_entry import NameEntry
from plugins.customers.models.party import Party
from plugins.customers.models.xref import Xref

__all__ = ["Counter", "Delivery", "NameEntry", "Party", "Xref"]
