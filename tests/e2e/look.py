"""What every page of the application must be, whoever wrote it: looked at in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

MODULES = ("customers", "samplebank", "system")
TEST_DATA = ("Role", "of", "test")

# Words a Chinese banker reads in Latin letters: names, units, keys, and what the sample bank's rows hold.
LATIN = frozenset({"CRM", "English", "Esc", "Tab", "Enter", "CNY", *MODULES, *TEST_DATA})

TEXTS = """() => {
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const holder = walk.currentNode.parentElement;
    const skip = 'script, style, template, noscript, code, kbd, .mono, [lang]:not(html)';
    if (!holder.closest(skip)) found.push(walk.currentNode.data);
  }
  for (const e of document.body.querySelectorAll('[aria-label], [title], [placeholder], [alt]'))
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) found.push(e.getAttribute(name) || '');
  return [document.title, ...found].map(t => t.trim()).filter(Boolean);
}"""
# A word is Latin letters alone; numbers, addresses, file names and dotted names of modules are not for translating.
WORD = re.compile(r"(?<![\w.@/:*-])[A-Za-z]{2,}(?![\w@/*-]|\.\w)")


# Punctuation of the other language behind or between Chinese characters.
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff”）》][,.:;!?()](?=\s|$|[\u4e00-\u9fff“（《])|[\u4e00-\u9fff]\s*\(")


def foreign(page: Page) -> set[str]:
    """English words and half-width punctuation left on a Chinese page, each with the text it stands in."""
    texts: list[str] = page.evaluate(TEXTS)
    return {text[:120] for text in texts if set(WORD.findall(text)) - LATIN or HALF_WIDTH.search(text)}


def violations(page: Page) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


def listening(page: Page) -> list[str]:
    """What the browser complains about, from now on."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.set_viewport_size({"width": 1366, "height": 768})
    return said
