"""Pages of customers."""

from core.sdk.web import blueprint, records_looks

bp = blueprint("customers", __name__)
records_looks(bp, "customers.party", "party_id")

from plugins.customers.views import edit, index, profile, transactions, why  # noqa: E402, F401 - they add their routes to bp
