"""Settings bank IT changes without a programmer: declare them with ``crm_parameters``, read them here. Example::

days = parameters.get("visits.keep_days")
"""

from __future__ import annotations

from core.contract import Parameter
from core.parameters import get

__all__ = ["Parameter", "get"]
