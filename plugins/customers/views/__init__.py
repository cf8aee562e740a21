"""Pages of customers."""

from core.sdk.web import blueprint

bp = blueprint("customers", __name__)

from plugins.customers.views import edit, index, profile, transactions, why  # noqa: E402, F401 - they add their routes to bp
