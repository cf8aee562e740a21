"""Sessions: every row a session reads or writes is inside its access, or the session says why not.

A session has an :class:`Access`, or was opened past row scope for a named reason, or has neither and is then blind to
scoped models. What cannot be scoped is refused with :class:`ScopeError`.

Transactions: requests that must not change anything read; everything else may write, which on SQLite means that it
takes the write lock at once. ``write()`` opens a unit of work of its own::

    with write() as session:      # commits at the end, rolls back on an error
        session.add(Visit(...))

``db.session`` gives its lock back to ``write()`` when it has nothing unsaved, so a page may look things up in
``db.session`` and then save with ``write()``; objects are not to be carried from one to the other.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.orm.exc import StaleDataError

from core.contract.protocols import runtime
from core.contract.types import ScopeProvider
from core.db import flushing, guard, locking, secrets, sqlite, statements
from core.db.scope import Access, Criteria, ScopeError, is_scoped
from core.db.sqlite import Mode, current_mode, reading

__all__ = [
    "Access",
    "CrmSession",
    "ReadOnly",
    "ScopeError",
    "init_app",
    "install",
    "new_session",
    "reading",
    "system_session",
    "write",
]


class ReadOnly(Exception):
    """Something was to be written in a unit of work that began as a read. Use ``write()``, which begins as a write."""


def registered_providers() -> Iterable[ScopeProvider]:
    """The scope providers of the plugins that are on."""
    return [provider for _, provider in runtime().registry.of("crm_scope_providers")]


class CrmSession(FlaskSession):
    """The session of the product.

    Args:
        db: the Flask-SQLAlchemy extension, or anything with ``engines``.
        unscoped: reason for seeing past row scope; fixed for the session's life.
        mode: ``read`` or ``write``; None decides at each BEGIN by the request at hand.
        own: True for a unit of work of its own, which never gives up its lock before its end.
        providers: gives the scope providers; the registry's by default.
    """

    def __init__(
        self,
        db: Any,
        *,
        access: Access | None = None,
        unscoped: str | None = None,
        mode: Mode | None = None,
        own: bool = False,
        providers: Callable[[], Iterable[ScopeProvider]] = registered_providers,
        **kw: Any,
    ) -> None:
        super().__init__(db, **kw)
        self._unscoped = unscoped
        if unscoped is not None:
            self.info["unscoped"] = unscoped
        self._access = access
        self._criteria: Criteria | None = None
        self._providers = providers
        self._mode: Mode | None = mode
        self._own = own
        self._engine: Engine | None = None
        self._begun: Mode = "write"
        self._wrote = False
        self.checks = flushing.Flush()

    # -- access ---------------------------------------------------------------------------------------------------

    @property
    def unscoped(self) -> str | None:
        """Why this session sees past row scope; None when it does not."""
        return self._unscoped

    @property
    def access(self) -> Access | None:
        """Whose rows this session sees."""
        return self._access

    @access.setter
    def access(self, access: Access | None) -> None:
        if access == self._access:
            return
        held = [o for o in (*self.identity_map.values(), *self.new) if is_scoped(inspect(o).mapper)]
        if self._access is not None and held:
            raise ScopeError("the session holds rows of another access; expunge them or open a new session")
        self._access, self._criteria = access, None

    def enter(self, access: Access) -> None:
        """Take another access in the same request: unchanged rows of the one before are let go of.

        Raises:
            ScopeError: rows of the access before are waiting to be saved.
        """
        if access != self._access:
            unsaved = {*self.new, *self.dirty, *self.deleted}
            for obj in [*self.identity_map.values()]:
                if is_scoped(inspect(obj).mapper) and obj not in unsaved:
                    self.expunge(obj)
            self.access = access

    @property
    def criteria(self) -> Criteria:
        """The criteria of the access. Raises ScopeError when there is no access."""
        if self._access is None:
            raise ScopeError("this session has no access and may not touch scoped rows")
        if self._criteria is None:
            self._criteria = Criteria(self._access, self._providers())
        return self._criteria

    # -- transactions ---------------------------------------------------------------------------------------------

    def get_bind(
        self, mapper: Any | None = None, clause: Any | None = None, bind: Any | None = None, **kw: Any
    ) -> Engine | Connection:
        """The engine, told how to begin and whether to prove scope; one and the same within a transaction."""
        if self._engine is None:
            base = super().get_bind(mapper, clause, bind, **kw)
            if isinstance(base, Connection):
                self._refuse_when_scoped("a connection")
                return base
            install(base)  # an engine nobody set up would otherwise have no guard
            self._begun = self._mode or current_mode()
            self._engine = base.execution_options(
                **{
                    sqlite.MODE: self._begun,
                    sqlite.OWNER: weakref.ref(self),
                    guard.GUARDED: self._unscoped is None,
                    guard.WRITING: self.checks.tables,
                }
            )
        return self._engine

    @property
    def idle(self) -> bool:
        """True when the write lock could be given back: not a unit of work of its own, and nothing is unsaved."""
        return not (self._own or self._wrote or self.new or self.dirty or self.deleted)

    def release(self) -> bool:
        """Give back the write lock when nothing is unsaved. Loaded objects stay loaded."""
        if not self.idle:
            return False
        expire, self.expire_on_commit = self.expire_on_commit, False
        try:
            self.commit()
        finally:
            self.expire_on_commit = expire
        return True

    def shadowed(self) -> None:
        """Another unit of work of this thread holds the write lock, so this transaction can only read."""
        self._begun = "read"

    def must_write(self) -> None:
        """Raises ReadOnly when the transaction at hand began as a read, or would."""
        mode = self._begun if self._engine is not None else self._mode or current_mode()
        if mode == "read":
            raise ReadOnly("this unit of work reads only; use write(), and end what holds the write lock before it")
        self._wrote = True

    def ended(self) -> None:
        """The transaction is over; the next one may begin differently."""
        self._engine, self._wrote = None, False

    # -- unit of work ---------------------------------------------------------------------------------------------

    def flush(self, objects: Any = None) -> None:
        """Write what is pending, each row checked against the scope before and after.

        Raises:
            ScopeError: a row is, or would come to lie, out of scope.
            Conflict: a versioned row was changed by somebody else meanwhile.
        """
        with self.checks.running():
            try:
                super().flush(objects)
            except StaleDataError as error:
                with self._twin() as reader:
                    conflict = locking.conflict(self.checks.images, reader)
                if conflict is None:
                    raise
                raise conflict from error

    def _twin(self) -> CrmSession:
        """A second session with the same access, to read what somebody else has written."""
        return CrmSession(
            self._db, access=self._access, unscoped=self._unscoped, mode="read", own=True, providers=self._providers
        )

    # -- what could go round the scope ----------------------------------------------------------------------------

    def connection(self, *args: Any, **kw: Any) -> Connection:
        """Refused in a scoped session: nobody could say what is done on it."""
        self._refuse_when_scoped("connection()")
        return super().connection(*args, **kw)

    def bulk_save_objects(self, *args: Any, **kw: Any) -> None:
        """Refused in a scoped session: rows are not checked."""
        self._refuse_when_scoped("bulk_save_objects()")
        super().bulk_save_objects(*args, **kw)

    def bulk_insert_mappings(self, *args: Any, **kw: Any) -> None:
        """Refused in a scoped session: rows are not checked."""
        self._refuse_when_scoped("bulk_insert_mappings()")
        super().bulk_insert_mappings(*args, **kw)

    def bulk_update_mappings(self, *args: Any, **kw: Any) -> None:
        """Refused in a scoped session: rows are not checked."""
        self._refuse_when_scoped("bulk_update_mappings()")
        super().bulk_update_mappings(*args, **kw)

    @property
    def bind(self) -> Any:
        """Refused in a scoped session."""
        self._refuse_when_scoped("bind")
        return self._given_bind

    @bind.setter
    def bind(self, bind: Any) -> None:
        self._given_bind = bind

    def _refuse_when_scoped(self, what: str) -> None:
        if self._unscoped is None:
            raise ScopeError(f"{what} is not available in a session with row scope; open unscoped(reason) for that")


def new_session(
    *, access: Access | None = None, unscoped: str | None = None, mode: Mode | None = None, own: bool = True
) -> CrmSession:
    """A session of its own for the current app; the caller closes it."""
    db: SQLAlchemy = current_app.extensions["sqlalchemy"]
    options = {"access": access, "unscoped": unscoped, "mode": mode, "own": own}
    return cast(CrmSession, db.session.session_factory(**options))


def system_session(reason: str) -> CrmSession:
    """A session past row scope for the core's own machinery (jobs, seeds), which no user stands behind.

    Use as a context manager; it closes at the end and commits nothing by itself.
    """
    return new_session(unscoped=reason, mode="write")


def request_session() -> CrmSession:
    """``db.session`` itself, not its proxy."""
    db: SQLAlchemy = current_app.extensions["sqlalchemy"]
    return cast(CrmSession, db.session())


def writing_session() -> CrmSession | None:
    """The session of this thread that holds SQLite's write lock with something unsaved; None when there is none."""
    db: SQLAlchemy = current_app.extensions["sqlalchemy"]
    holder = cast("CrmSession | None", sqlite.holder(db.engine))
    return holder if holder is not None and not holder.idle else None


@contextmanager
def write() -> Iterator[CrmSession]:
    """A unit of work that may write, with the access of the request: commits at the end, rolls back on an error."""
    with unit(new_session(access=request_session().access, mode="write")) as session:
        yield session


@contextmanager
def unit(session: CrmSession) -> Iterator[CrmSession]:
    """Run a block in ``session``: commit at the end, roll back on an error, close in any case."""
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.close()


def install(engine: Engine) -> None:
    """Put transaction rules and guard on an engine, and keep values out of its errors and logs. Idempotent."""
    engine.hide_parameters = True
    sqlite.install(engine)
    guard.install(engine)


def init_app(app: Flask) -> None:
    """Put the transaction rules and the row-scope guard on the engines of ``app``, and set the data keys."""
    db: SQLAlchemy = app.extensions["sqlalchemy"]
    with app.app_context():
        for engine in db.engines.values():
            install(engine)
    secrets.init_app(app)


statements.listen(CrmSession)
flushing.listen(CrmSession)
