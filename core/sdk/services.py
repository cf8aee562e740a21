"""Services between plugins that do not require each other. Example::

directory = services.get("customers.directory", 1)
for customer in directory.find("张"):      # empty while the customers module is off
    ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.contract.protocols import runtime


class Absent:
    """Stands in for a service nobody offers now: false, empty, and every call gives the same nothing."""

    def __bool__(self) -> bool:
        return False

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __str__(self) -> str:
        return ""

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Absent:  # noqa: D102  # what it does is said above
        return self


ABSENT = Absent()


def get(contract: str, version: int, null: Any = ABSENT) -> Any:
    """The provider of ``contract`` with that major ``version``, or ``null`` while none is enabled.

    Callers need no ``if enabled``: give a ``null`` of the contract's own shape where the default nothing will not do.
    """
    for _, service in runtime().registry.of("crm_services"):
        if service.contract == contract and service.version == version:
            return service.provider
    return null
