"""All transactions of a customer."""

from __future__ import annotations

from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeSerializer

from core.sdk.web import link, render, requires, translator
from plugins.customers.permissions import ACCOUNTS
from plugins.customers.services import facts
from plugins.customers.services.facts import TransactionFilter
from plugins.customers.views import bp, lines
from plugins.customers.views.profile import head, party_or_404

_ = translator("customers")
SIZE = 50


@bp.get("/<party_id>/transactions")
@requires(ACCOUNTS)
def transactions(party_id: str) -> Response:
    """Newest first, by account, direction and days, page by page."""
    party = party_or_404(party_id)
    asked, wrong = _asked()
    accounts = facts.accounts(party.id)
    known = {row["account_id"] for row in accounts.rows}
    if asked.account_id not in known:
        asked = TransactionFilter("", asked.direction, asked.start, asked.end)
    found = None if wrong else facts.transactions(party.id, asked, limit=SIZE, after=_place())
    choices = [
        (row["account_id"], f"{row['account_no'] or row['account_id']} {row['currency']}") for row in accounts.rows
    ]
    return render(
        "customers/transactions.html",
        rows=lines.transactions(found.rows, facts.account_numbers(accounts)) if found else [],
        found=found,
        asked=asked,
        wrong=wrong,
        accounts=[("", _("All")), *choices],
        directions=[("", _("All")), ("C", _("In")), ("D", _("Out"))],
        first_url=_url() if request.args.get("after") else "",
        next_url=_url(after=_sealed(found.next)) if found and found.next else "",
        self_url=link("customers.transactions", party_id=party_id),
        **head(party, "transactions"),
    )


def _asked() -> tuple[TransactionFilter, dict[str, str]]:
    """The filter of the address, and what is wrong with a field by its name; with any, nothing is asked for."""
    days: dict[str, date | None] = {}
    wrong: dict[str, str] = {}
    for name in ("start", "end"):
        text = request.args.get(name, "")
        try:
            days[name] = date.fromisoformat(text) if text else None
        except ValueError:
            days[name] = None
            wrong[name] = _("This is not a day. Write it like 2026-11-23.")
    if days["start"] and days["end"] and days["start"] > days["end"]:
        wrong["end"] = _("The last day lies before the first.")
    direction = request.args.get("direction", "")
    account = request.args.get("account", "")[:60]
    return TransactionFilter(account, direction if direction in {"C", "D"} else "", days["start"], days["end"]), wrong


# The place in the list is signed, so that an address somebody made up starts at the top instead of failing.


def _signer() -> URLSafeSerializer:
    key = current_app.secret_key or b""
    return URLSafeSerializer(key, salt=f"customers.transactions:{request.path}")


def _sealed(place: tuple[Any, ...]) -> str:
    packed = [{"day": v.isoformat()} if isinstance(v, date) else v for v in place]
    text: str | bytes = _signer().dumps(packed)
    return text if isinstance(text, str) else text.decode()


def _place() -> list[Any] | None:
    try:
        packed = _signer().loads(request.args.get("after", ""))
    except BadSignature:
        return None
    return [date.fromisoformat(v["day"]) if isinstance(v, dict) else v for v in packed]


def _url(**changes: str) -> str:
    kept = {k: v for k, v in request.args.items() if k != "after" and v}
    question = urlencode({**kept, **changes})
    return f"{request.path}?{question}" if question else request.path
