"""Takes the pictures of the user guide from a running practice bank: ``python docs/pictures.py`` after ``make run``.

Needs the port in ``CRM_PORT`` (8000) and one password for all demo users in ``CRM_DEMO_PASSWORD``.
"""

from __future__ import annotations

import os
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent / "images"
BASE = f"http://127.0.0.1:{os.environ.get('CRM_PORT', '8000')}"
PASSWORD = os.environ["CRM_DEMO_PASSWORD"]


def door(browser: Browser, language: str) -> Page:
    """A page of nobody yet, at the size of a branch PC and with dates as that language writes them."""
    size, locale = {"width": 1366, "height": 768}, language.replace("_", "-")
    page = browser.new_context(viewport=size, locale=locale).new_page()
    page.goto(f"{BASE}/language/{language}?next=/")
    return page


def signed_in(browser: Browser, user: str, language: str) -> Page:
    """A page of that user."""
    page = door(browser, language)
    page.goto(BASE)
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    return page


def take(page: Page, path: str, folder: Path, name: str) -> None:
    """One picture of one address."""
    page.goto(f"{BASE}{path}")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=folder / f"{name}.png")


def main() -> None:
    """All pictures in both languages."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        for language, name in (("zh_CN", "zh"), ("en", "en")):
            folder = HERE / name
            folder.mkdir(parents=True, exist_ok=True)
            take(door(browser, language), "/", folder, "sign-in")
            clerk = signed_in(browser, "head01", language)
            take(clerk, "/", folder, "home")
            take(clerk, "/customers/", folder, "customers")
            party = clerk.locator("tbody a.link").first.get_attribute("href") or ""
            take(clerk, party, folder, "customer")
            for picture in ("transactions", "edit", "why"):
                take(clerk, f"{party}/{picture}", folder, picture)
            take(clerk, "/search?q=zhang", folder, "search")
            take(clerk, "/help", folder, "help")
            take(clerk, "/system/modules", folder, "forbidden")
            admin = signed_in(browser, "sysadmin", language)
            take(admin, "/system/modules", folder, "modules")
            take(admin, "/system/modules/customers", folder, "module")
            take(admin, "/recovery", folder, "recovery")
        browser.close()


if __name__ == "__main__":
    main()
