"""Nothing is skipped silently: what is missing fails with its cure, what is skipped on request is said at the end."""

from __future__ import annotations

import os

import pytest

VARIABLE = "CRM_TEST_SKIP"


def asked() -> frozenset[str]:
    """Names given in ``CRM_TEST_SKIP``."""
    return frozenset(name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip())


def need(name: str, *, found: bool, install: str) -> None:
    """Skip the running test when ``name`` stands in ``CRM_TEST_SKIP``; fail it when ``name`` is not on this machine."""
    if name in asked():
        pytest.skip(f"{VARIABLE} names {name}")
    if not found:
        pytest.fail(f"{name} is missing. Install it: {install}  (or leave it out: {VARIABLE}={name})", pytrace=False)


def summary(config: pytest.Config) -> str:
    """One line on what was left out on request; empty when nothing was."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not asked():
        return ""
    skipped = [report for report in reporter.stats.get("skipped", []) if VARIABLE in str(report.longrepr)]
    return f"{VARIABLE}={','.join(sorted(asked()))}: {len(skipped)} tests were left out"
