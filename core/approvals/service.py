"""Ask, decide, withdraw. Each function works in the caller's transaction and is safe against a second decider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core.approvals.models import Approval, State
from core.db.types import now
from core.monitoring import audit
from core.monitoring.context import actor
from core.monitoring.models import AuditEntry

_ACCOUNT = "cli:"  # begins the address of who works on the command line; others come from machines many may share

Apply = Callable[[Session, Approval], None]


class ApprovalError(Exception):
    """The request cannot be made or decided; the message says why."""


class UnknownKind(ApprovalError):
    """Nobody has registered this kind of request."""


class AlreadyOpen(ApprovalError):
    """A request of this kind about this subject is waiting already."""


class OwnRequest(ApprovalError):
    """Nobody decides on their own request, nor from the account of the operating system it was made with."""


class NotPending(ApprovalError):
    """Somebody else has decided, or the request was withdrawn, in the meantime."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of change. ``apply`` makes it in the deciding transaction.

    None: its owner carries it out after that transaction, and says so with :func:`finish`.
    """

    name: str
    label: str
    apply: Apply | None


_kinds: dict[str, Kind] = {}


def register(kind: str, label: str, apply: Apply | None) -> None:
    """Make ``kind`` known, or replace it. ``label`` is a message id; for ``apply`` see :class:`Kind`."""
    _kinds[kind] = Kind(kind, label, apply)


def kinds() -> Mapping[str, Kind]:
    """Every kind known, by name."""
    return dict(_kinds)


def submit(
    session: Session,
    kind: str,
    subject: str,
    *,
    by: str,
    payload: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Approval:
    """Ask for a change; ``before`` and ``after`` are the images the decider sees.

    Raises:
        UnknownKind: nobody could carry it out.
        AlreadyOpen: the same is waiting already.
    """
    _kind(kind)
    images = {"before": dict(before) if before else None, "after": dict(after) if after else None}
    request = Approval(
        kind=kind, subject=subject, payload=dict(payload or {}), requested_by=_name(by), reason=reason, **images
    )
    try:
        with session.begin_nested():
            session.add(request)
    except IntegrityError as error:
        raise AlreadyOpen(f"a request of this kind about {subject} is already waiting") from error
    _record(session, "submitted", request, by, reason)
    return request


def approve(session: Session, request_id: int, *, by: str, reason: str = "") -> Approval:
    """Say yes, and make the change in the same transaction unless its kind is carried out later.

    Whatever the change raises leaves through here, so that the caller's transaction takes the decision back too.

    Raises:
        OwnRequest: ``by`` made the request, or a command of the same operating system account did: names given on a
            command line are claims, so the account has to be another as well.
        NotPending: it is decided or withdrawn.
        UnknownKind: its plugin has gone.
    """
    request = _decide(session, request_id, "approved", by, reason)
    apply = _kind(request.kind).apply
    if apply is not None:
        apply(session, request)
        request.state = "applied"
        session.flush()
    return request


def reject(session: Session, request_id: int, *, by: str, reason: str) -> Approval:
    """Say no. Raises as :func:`approve` does."""
    return _decide(session, request_id, "rejected", by, reason)


def withdraw(session: Session, request_id: int, *, by: str, reason: str = "") -> Approval:
    """Take one's own request back.

    Raises:
        ApprovalError: it is somebody else's.
        NotPending: it is decided or withdrawn.
    """
    request = get(session, request_id)
    if request.requested_by != _name(by):
        raise ApprovalError("only the person who asked can withdraw a request")
    return _settle(session, request, "withdrawn", by, reason)


def finish(session: Session, request_id: int, *, error: str = "") -> Approval:
    """Record what came of an approved request that is carried out after the decision.

    Raises:
        NotPending: it is not waiting to be carried out.
    """
    state: State = "failed" if error else "applied"
    _move(session, request_id, ("approved", "failed"), {"state": state, "outcome": error})
    request = get(session, request_id)
    _record(session, state, request, request.decided_by or "", error)
    return request


def get(session: Session, request_id: int) -> Approval:
    """The request of that number, as the database has it now. Raises :class:`ApprovalError` when there is none."""
    request = session.get(Approval, request_id, populate_existing=True)
    if request is None:
        raise ApprovalError(f"there is no request {request_id}")
    return request


def waiting(session: Session, kind: str | None = None) -> list[Approval]:
    """Requests nobody has decided, oldest first."""
    found = select(Approval).where(Approval.state == "pending").order_by(Approval.requested_at, Approval.id)
    return list(session.scalars(found if kind is None else found.where(Approval.kind == kind)))


def _decide(session: Session, request_id: int, state: State, by: str, reason: str) -> Approval:
    request = get(session, request_id)
    _kind(request.kind)
    if request.requested_by == _name(by):
        raise OwnRequest("nobody decides on their own request; ask a colleague")
    account = actor().address
    if account is not None and account.startswith(_ACCOUNT) and account == _asked_from(session, request):
        raise OwnRequest(f"this is the operating system account the request was made with, {account}: own request")
    return _settle(session, request, state, by, reason)


def _asked_from(session: Session, request: Approval) -> str | None:
    """Address of the request in the audit trail, where nobody can change it afterwards."""
    entry = AuditEntry
    about = entry.subject == "approval", entry.key == str(request.id), entry.action == "approval.submitted"
    return session.scalar(select(entry.address).where(*about).order_by(entry.id.desc()).limit(1))


def _settle(session: Session, request: Approval, state: State, by: str, reason: str) -> Approval:
    values = {"state": state, "decided_by": _name(by), "decided_at": now(), "decision_reason": reason}
    _move(session, request.id, ("pending",), values)
    session.refresh(request)
    _record(session, state, request, by, reason)
    return request


def _move(session: Session, request_id: int, sources: tuple[State, ...], values: dict[str, Any]) -> None:
    """Change the state only if it is still one of ``sources``: of two deciders the second finds no row."""
    statement = update(Approval).where(Approval.id == request_id, Approval.state.in_(sources)).values(**values)
    done = session.execute(statement.execution_options(synchronize_session=False))
    if cast(CursorResult[Any], done).rowcount != 1:
        raise NotPending(f"request {request_id} is {get(session, request_id).state}")


def _kind(name: str) -> Kind:
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(f"nobody here carries out requests of kind {name!r}") from None


def _name(by: str) -> str:
    name = by.strip().lower()
    if not name:
        raise ApprovalError("a request and a decision need a person")
    return name


def _record(session: Session, what: str, request: Approval, by: str, reason: str) -> None:
    detail = {"kind": request.kind, "about": request.subject, "by": _name(by)}
    audit.record(session, f"approval.{what}", subject="approval", key=request.id, detail=detail, reason=reason)
