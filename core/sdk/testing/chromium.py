"""The application behind a real server, and a real browser in front of it."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask
    from playwright.sync_api import Browser, Page

INSTALL = "apt-get install -y chromium fonts-noto-cjk"
VIEWPORT = {"width": 1366, "height": 768}


def found() -> str | None:
    """The browser on this machine."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Address of the app, served on loopback by threads of this process."""
    from werkzeug.serving import make_server

    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def running() -> Iterator[Browser]:
    """One browser; as root without its sandbox, which root cannot have."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found(), args=arguments)
        yield browser
        browser.close()


@contextmanager
def tab(browser: Browser, base_url: str) -> Iterator[Page]:
    """A page in a context of its own, at the size of branch PCs, in Chinese."""
    context = browser.new_context(base_url=base_url, viewport=VIEWPORT, locale="zh-CN")  # type: ignore[arg-type]
    yield context.new_page()
    context.close()
