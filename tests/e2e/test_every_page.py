"""Every page the application has, found in its own table of routes: none is forgotten when a module adds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.e2e.look import foreign, listening, violations

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Page
    from werkzeug.routing import Rule

pytestmark = [pytest.mark.browser, pytest.mark.training]

NO_PAGES = {
    "core.asset": "style sheets and scripts",
    "core.favicon": "a picture",
    "core.language": "leads back to the page it was chosen on",
    "core.panel": "a piece of a page, loaded by that page",
    "core.search_in": "a piece of the search page, loaded by it",
    "customers.figures": "a piece of the customer's page, loaded by it",
    "auth.alive": "asked by the script that warns before the session ends",
    "auth.draft": "asked by the script that fills a form again",
    "health.healthz": "for machines",
    "health.readyz": "for machines",
}
BEFORE_SIGN_IN = {"auth.sign_in"}


def faults(page: Page, address: str, said: list[str]) -> list[str]:
    """What is wrong with one page at the size of a branch PC, in both languages."""
    wrong: list[str] = []
    for language in ("en", "zh_CN"):
        page.goto(f"/language/{language}")
        said.clear()
        answer = page.goto(address)
        page.wait_for_load_state("networkidle")
        assert answer is not None
        found = [] if answer.status == 200 else [f"status {answer.status}"]
        found += [*said, *violations(page)]
        width = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{width} px wide"] if width > 1366 else []
        found += [f"not Chinese: {text}" for text in sorted(foreign(page))] if language == "zh_CN" else []
        wrong += [f"{address} in {language}: {fault}" for fault in found]
    return wrong


def rules(app: Flask) -> list[Rule]:
    """Routes that show a page of their own."""
    every = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    unknown = NO_PAGES.keys() - {rule.endpoint for rule in every}
    assert not unknown, f"no such routes: {unknown}"
    return [r for r in every if r.endpoint not in NO_PAGES and r.endpoint.rpartition(".")[2] != "static"]


def addresses(app: Flask, samples: dict[str, str]) -> list[str]:
    """Where those pages are; a placeholder nobody gives a value for fails here, and names itself."""
    adapter = app.url_map.bind("localhost")
    found = []
    for rule in rules(app):
        missing = rule.arguments - samples.keys()
        assert not missing, f"{rule.rule}: give a sample for {missing}, or say in NO_PAGES why it is no page"
        if rule.endpoint not in BEFORE_SIGN_IN:
            found.append(adapter.build(rule.endpoint, {name: samples[name] for name in rule.arguments}))
    return sorted(found)


def test_every_page_is_whole_in_both_languages(
    crm_app: Flask, practice_bank: str, signed_in: Callable[..., Page]
) -> None:
    with crm_app.app_context():
        from core.permissions import actions

        every = [action.name for action in actions()]
    page = signed_in("e2e_all", *every)
    said = listening(page)
    pages = addresses(crm_app, {"party_id": practice_bank, "name": "customers"})
    assert len(pages) >= 10, pages
    wrong = [fault for address in pages for fault in faults(page, address, said)]
    assert not wrong, "\n".join(wrong)


def test_the_sign_in_page_is_whole_in_both_languages(live_server: str, page: Page) -> None:
    wrong = faults(page, "/sign-in", listening(page))
    assert not wrong, "\n".join(wrong)
