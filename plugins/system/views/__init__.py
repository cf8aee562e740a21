"""Pages of system."""

from core.sdk.web import blueprint

bp = blueprint("system", __name__)

from plugins.system.views import modules  # noqa: E402, F401 - adds its routes to bp
