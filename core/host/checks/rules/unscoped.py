"""Looking past row scope needs a reason, in the code and in the audit trail."""

from __future__ import annotations

from collections.abc import Iterator

from core.host.checks.finding import Finding
from core.host.checks.source import Plugin

CODE = "CRM018"


def check(plugin: Plugin) -> Iterator[Finding]:
    """``unscoped("…")`` with a literal that says something."""
    for module, call in plugin.each_call():
        if module.name_of(call.func) != "core.sdk.security.unscoped":
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        reason = module.value(call.args[0] if call.args else given.get("reason"))
        if not isinstance(reason, str) or len(reason.strip()) < 10:
            cure = "say as a literal of ten letters or more why it must see all rows"
            yield Finding(CODE, f"unscoped() without a reason; {cure}", module.at(call))
