"""Calls plugins so that one that raises, waits or spins costs itself and nobody else."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from flask import has_app_context
from sqlalchemy.orm import Session

from core.contract import Decision, Event, IntegrityEvent
from core.contract.protocols import PluginFailed
from core.db.types import now
from core.extensions import db
from core.host.faults import Fault
from core.host.hooks import DECIDE, Implementation, votes
from core.host.integrity import Integrity
from core.host.outbox import Outbox
from core.i18n import CORE, translator

if TYPE_CHECKING:
    from core.host import Host

T = TypeVar("T")
_ = translator(CORE)

SLOTS = 2
"""How many calls into one plugin a worker runs at a time."""
SLOW = 2.0
"""Seconds after which a call that came back counts as timed out."""
PATIENCE = 2.0
"""Seconds to wait for a slot, as long as those who hold them have not been slow themselves."""
STRIKES = 3
"""Time-outs within ``BREAKER`` seconds that open the breaker for ``BREAKER`` seconds."""
BREAKER = 60.0
TRACE_LIMIT = 20_000


class Quota:
    """The slots of one plugin in this worker."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._condition = threading.Condition()
        self._holders: dict[int, float] = {}

    @contextmanager
    def slot(self) -> Iterator[bool]:
        """Hold a slot; gives False when there is none to be had. A thread inside already needs no second one."""
        me = threading.get_ident()
        nested = me in self._holders
        held = nested or self._take(me)
        try:
            yield held
        finally:
            if held and not nested:
                with self._condition:
                    del self._holders[me]
                    self._condition.notify()

    def _take(self, me: int) -> bool:
        until = time.monotonic() + PATIENCE
        with self._condition:
            while len(self._holders) >= self._slots:
                moment = time.monotonic()
                # Behind holders that hang, waiters would pile up until no thread of the worker is left.
                left = min(until, min(self._holders.values()) + SLOW) - moment
                if left <= 0:
                    return False
                self._condition.wait(left)
            self._holders[me] = time.monotonic()
            return True


class Dispatcher:
    """Implements :class:`core.contract.protocols.Dispatch`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._quotas: dict[str, Quota] = {}
        self._strikes: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()
        self.outbox = Outbox(host)
        self.journal = Integrity(host)

    # -- many plugins -------------------------------------------------------------------------------------------------

    def collect(self, hook: str, **values: Any) -> dict[str, Any]:
        """Call every enabled implementation in plugin order; answers by plugin, failures left out and counted."""
        answers: dict[str, Any] = {}
        for implementation in self._enabled(hook):
            try:
                answers[implementation.plugin] = self.invoke(implementation, values)
            except PluginFailed:
                continue  # noted where it happened
        return answers

    def first(self, hook: str, **values: Any) -> Any:
        """The first answer that is not None, or None."""
        for implementation in self._enabled(hook):
            try:
                answer = self.invoke(implementation, values)
            except PluginFailed:
                continue
            if answer is not None:
                return answer
        return None

    def vetoes(self, user_id: int, action: str, subject: str | None, key: str | None) -> tuple[str, ...]:
        """Why plugins forbid this action; empty when none does. One that votes on it and fails forbids it."""
        values = {"user_id": user_id, "action": action, "subject": subject, "key": key}
        voters = [plugin for plugin, ballot in self._host.loader.ballots.items() if votes(ballot, [action])]
        return tuple(reason for plugin in voters if (reason := self._veto(plugin, values)) is not None)

    def _veto(self, plugin: str, values: Mapping[str, Any]) -> str | None:
        snapshot, voter = self._host.snapshot(), self.implementation(plugin, DECIDE)
        if voter is None or plugin not in snapshot.enabled:
            return self._unheard(plugin) if plugin in snapshot.silent else None
        try:
            vote = self.invoke(voter, values)
        except PluginFailed:
            return self._unheard(plugin)
        if vote is None or isinstance(vote, Decision):
            return None if vote is None or vote.allow else vote.reason
        self._note(plugin, DECIDE, "raised", f"gave {vote!r}; it must give a Decision or None")
        return self._unheard(plugin)

    def _unheard(self, plugin: str) -> str:
        """A veto that is broken must not open what it closes."""
        title = self._host.title(plugin)
        return _(
            "The module %(module)s has to be asked about this and does not answer. Tell the system administrator.",
            module=title,
        )

    def _enabled(self, hook: str) -> Iterator[Implementation]:
        enabled = self._host.snapshot().enabled
        for implementation in self._host.loader.implementations.get(hook, ()):
            if implementation.plugin in enabled:
                yield implementation

    def implementation(self, plugin: str, hook: str) -> Implementation | None:
        """One plugin's implementation of one hook, whether it is on or off."""
        found = self._host.loader.implementations.get(hook, ())
        return next((i for i in found if i.plugin == plugin), None)

    def invoke(self, implementation: Implementation, values: Mapping[str, Any]) -> Any:
        """Call one implementation, in a savepoint of the transaction it is called in. Raises ``PluginFailed``."""
        given = {name: values[name] for name in implementation.accepts}

        def run() -> Any:
            with _savepoint():
                answer = implementation.function(**given)
                # A generator would run, and fail, in somebody else's hands.
                return list(answer) if isinstance(answer, Iterator) else answer

        return self.call(implementation.plugin, implementation.hook, run)

    # -- one plugin ---------------------------------------------------------------------------------------------------

    def call(self, plugin: str, hook: str, what: Callable[[], T]) -> T:
        """Run code of one plugin under its quota, clock and breaker. ``hook`` names it in logs and breakers.

        Raises:
            PluginFailed: it raised (its exception is the cause), its breaker is open, or its slots are taken.
        """
        if self._host.snapshot().is_closed(plugin, hook) or self._host.watch.has_given_up(plugin, hook):
            raise PluginFailed(plugin, hook, "is off for a while, because it did not come back in time")
        with self._quota(plugin).slot() as held:
            if not held:
                self._note(plugin, hook, "busy", "all its slots are taken by calls that do not come back")
                raise PluginFailed(plugin, hook, "is busy: its earlier calls have not come back")
            with self._host.watch.running(plugin, hook) as running:
                try:
                    return what()
                except PluginFailed:
                    raise
                except (Exception, SystemExit, KeyboardInterrupt) as error:
                    reason = f"{type(error).__name__}: {error}"
                    self._note(plugin, hook, "raised", reason, traceback.format_exc()[-TRACE_LIMIT:])
                    raise PluginFailed(plugin, hook, reason) from error
                finally:
                    if running.elapsed > SLOW:
                        self._strike(plugin, hook, running.elapsed)

    def refuse(self, plugin: str, hook: str, reason: str) -> NoReturn:
        """What a plugin gave cannot be used: count it as its failure. Raises ``PluginFailed``."""
        self._note(plugin, hook, "raised", reason)
        raise PluginFailed(plugin, hook, reason)

    def page_failed(self, endpoint: str, error: BaseException) -> str:
        """Count an error of a page as a failure of the plugin whose page it is; its title, "" for the core's pages."""
        plugin = self._host.blueprint_owners.get(endpoint.partition(".")[0])
        if plugin is None:
            return ""
        trace = "".join(traceback.format_exception(error))[-TRACE_LIMIT:]
        self._note(plugin, f"page {endpoint}", "raised", f"{type(error).__name__}: {error}", trace)
        return self._host.title(plugin)

    def _quota(self, plugin: str) -> Quota:
        with self._lock:
            return self._quotas.setdefault(plugin, Quota())

    def _note(self, plugin: str, hook: str, kind: str, reason: str, trace: str = "") -> None:
        self._host.faults.note(Fault(plugin, hook, kind, reason, trace, now()))

    def _strike(self, plugin: str, hook: str, seconds: float) -> None:
        moment = time.monotonic()
        with self._lock:
            strikes = self._strikes.setdefault((plugin, hook), deque(maxlen=STRIKES))
            strikes.append(moment)
            opens = len(strikes) == STRIKES and moment - strikes[0] < BREAKER
            if opens:
                strikes.clear()
        until = now() + timedelta(seconds=BREAKER) if opens else None
        reason = f"took longer than {SLOW:g} seconds"
        if opens:
            reason += f" {STRIKES} times; it is off for {BREAKER:g} seconds"
        self._host.faults.note(Fault(plugin, hook, "slow", reason, f"{seconds:.1f} s", now(), until))

    # -- events -------------------------------------------------------------------------------------------------------

    def publish(self, session: Session, type: str, payload: Mapping[str, Any]) -> None:
        """Put an event into the outbox of the session's transaction; delivered after commit."""
        self.outbox.publish(session, type, payload)

    def deliver(self, limit: int = 100) -> list[Event]:
        """Deliver what waits, at most ``limit`` events a plugin; the events that some plugin has now received."""
        self.journal.retry()
        return self.outbox.deliver(limit)

    def integrity(self, session: Session, event: IntegrityEvent) -> None:
        """Tell every plugin that may hold the key, in this transaction; journalled for those that can't be told now."""
        self.journal.tell(session, event)


def _savepoint() -> AbstractContextManager[Any]:
    if has_app_context() and db.session.registry.has() and db.session().in_transaction():
        return db.session.begin_nested()
    return nullcontext()
