"""From a delivered row to the columns of a customer: identifiers in normal form, indexes, readings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.sdk.models import keyed_index
from plugins.customers.services import identifiers, names
from plugins.customers.services.codes import PERSON

SOURCE_COLUMNS = (
    "kind", "name", "org_code", "cert_type", "cert_no", "mobile", "gender", "birth_date", "nationality", "occupation",
    "address", "email", "legal_rep", "industry", "reg_capital", "open_date", "status",
)  # fmt: skip
"""What a source says about a customer."""

_AS_IT_IS = (
    "kind", "cert_type", "address", "email", "birth_date", "nationality", "occupation", "legal_rep",
    "industry", "reg_capital", "open_date", "status",
)  # fmt: skip

_LETTERS = {"M": "1", "F": "2"}
"""GB/T 2261.1 for sources that write letters."""

CERT, MOBILE = "customers.cert", "customers.mobile"
CERT_TAIL, MOBILE_TAIL = "customers.cert.last4", "customers.mobile.last4"
"""Purposes of the keyed indexes: one number must not have the same index in two columns."""


def columns_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of :class:`Party` that a delivered row decides by itself."""
    name = names.stored(row["name"]) if row.get("name") else None
    cert = identifiers.squeeze(row["cert_no"]) if row.get("cert_no") else None
    mobile = identifiers.mobile(row["mobile"]).normalized if row.get("mobile") else None
    return {
        **{column: row.get(column) for column in _AS_IT_IS},
        "name": name,
        "gender": _LETTERS.get(row.get("gender") or "", row.get("gender")),
        "sort_name": names.sort_name(name, person=row["kind"] == PERSON),
        "source_org_code": row.get("org_code"),
        "cert_no": cert,
        "cert_index": _index(cert, CERT, identifiers.canonical),
        "cert_last4_index": _index(cert, CERT_TAIL, tail),
        "mobile": mobile,
        "mobile_index": _index(mobile, MOBILE, str),
        "mobile_last4_index": _index(mobile, MOBILE_TAIL, tail),
    }


def tail(number: str) -> str:
    """The last four characters."""
    return number[-4:]


def _index(value: str | None, purpose: str, part: Callable[[str], str]) -> str | None:
    return keyed_index(part(value), purpose) if value else None
