"""The host's reasons as people read them.

The host speaks English, for logs and the command line. What it says often is recognised here and said again through a
message id; what is not recognised (the text of an exception) is shown as it is, because it names the culprit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

Translate = Callable[..., str]


def N_(text: str) -> str:
    """Mark a message id that is translated where it is shown."""
    return text


_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), message)
    for pattern, message in (
        (r"nobody has enabled it yet", N_("Nobody has switched it on yet")),
        (r"it works in training mode only", N_("Works in training mode only")),
        (r"(?P<name>\w+) works in training mode only", N_("%(name)s works in training mode only")),
        (
            r"its code is newer than its schema; to run: (?P<what>.+)",
            N_("Its code is newer than its tables; migrations to run: %(what)s"),
        ),
        (
            r"(?P<name>\w+) is pending: its code is newer than its schema; to run: (?P<what>.+)",
            N_("The code of %(name)s is newer than its tables; migrations to run: %(what)s"),
        ),
        (r"requires (?P<other>\w+), which is broken", N_("Requires %(other)s, which is broken")),
        (r"requires (?P<other>\w+), which is pending", N_("Requires %(other)s, which waits for a migration")),
        (r"requires (?P<other>\w+), which is (?:disabled|discovered)", N_("Requires %(other)s, which is off")),
        (
            r"(?P<name>\w+) requires (?P<others>.+), which must be enabled first",
            N_("%(name)s requires %(others)s; switch that on first"),
        ),
        (
            r"(?P<name>\w+) is required by (?P<others>.+); disable first what requires it",
            N_("%(name)s is required by %(others)s; switch those off first"),
        ),
        (
            r"(?P<name>\w+) is protected: .+",
            N_("%(name)s is protected: without it nobody could switch anything on again"),
        ),
        (r"(?P<name>\w+) is broken: (?P<why>.+)", N_("%(name)s is broken: %(why)s")),
        (
            r"it could not follow what happened while it was off: (?P<why>.+)",
            N_("It could not follow what happened while it was off: %(why)s"),
        ),
        (
            r"the core's tables are not there yet; run crm migrate",
            N_("The core's tables are missing: run crm migrate"),
        ),
        (
            r"the migration of (?P<name>\w+) failed and has left nothing: (?P<why>.+)",
            N_("The migration of %(name)s failed and was undone: %(why)s"),
        ),
        (r"(?P<name>\w+) cannot be enabled: (?P<why>.+)", N_("%(name)s cannot be switched on: %(why)s")),
        (r"tree", N_("built in")),
        (r"panel (?P<what>\S+)", N_("panel %(what)s")),
        (r"page (?P<what>\S+)", N_("page %(what)s")),
        (
            r"it spins for more than (?P<what>[0-9.]+) seconds; the worker is replaced",
            N_("it computed for more than %(what)s seconds; its worker was replaced"),
        ),
        (
            r"it waits for more than (?P<what>[0-9.]+) seconds; the worker is replaced",
            N_("it waited for more than %(what)s seconds; its worker was replaced"),
        ),
        (
            r"it let nothing else of its worker run, which was ended and replaced",
            N_("it let nothing else of its worker run, which was ended and replaced"),
        ),
        (
            r"took longer than (?P<what>[0-9.]+) seconds (?P<times>\d+) times; it is off for (?P<off>[0-9.]+) seconds",
            N_("took longer than %(what)s seconds %(times)s times; it is off for %(off)s seconds"),
        ),
        (r"took longer than (?P<what>[0-9.]+) seconds?", N_("took longer than %(what)s seconds")),
        (
            r"all its slots are taken by calls that do not come back",
            N_("it was busy: its earlier calls had not come back"),
        ),
        (r"nobody waits", N_("nobody waits")),
        (r"changed rows wait", N_("changes of the same rows wait")),
        (r"writers wait", N_("changes wait, reading goes on")),
        (r"all writers wait", N_("changes wait, reading goes on")),
        (r"readers and writers wait", N_("reading and changes wait")),
    )
)


def said(reason: str, translate: Translate, titles: Mapping[str, str]) -> str:
    """The reason in the language of the reader, modules under their titles."""
    for pattern, message in _KNOWN:
        found = pattern.fullmatch(reason.strip())
        if found:
            parts = {name: _part(name, text, translate, titles) for name, text in found.groupdict().items()}
            return translate(message, **parts)
    return reason


def _part(name: str, text: str, translate: Translate, titles: Mapping[str, str]) -> str:
    if name == "why":
        return said(text, translate, titles)
    if name in {"what", "times", "off"}:
        return text
    return ", ".join(titles.get(one, one) for one in text.split(", "))


def message_ids() -> Iterable[str]:
    """Every message id used here, for the check that all are translated."""
    return [message for _pattern, message in _KNOWN]
