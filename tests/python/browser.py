# SPDX-License-Identifier: MIT
"""The system's Chromium, headless, driven by playwright. It is let talk to this machine only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, sync_playwright

from clients import LIMIT_S, program

ARGUMENTS = [
    "--no-sandbox",  # a container's root may not have one
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def open_browser(*names: str) -> Iterator[Browser]:
    """names: of hosts that it finds at 127.0.0.1; it finds no other."""
    found = "".join(f"MAP {name} 127.0.0.1, " for name in names)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium", "chromium-browser", "google-chrome"),
            headless=True,
            args=[*ARGUMENTS, f"--host-resolver-rules={found}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(url: str) -> Iterator[Page]:
    """A page at that URL. At the end no script of it must have failed and it must have asked no other server."""
    host = urlsplit(url).netloc
    errors: list[str] = []
    asked: list[str] = []
    with open_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(LIMIT_S * 1000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        yield page
        assert errors == []
        assert [url for url in asked if urlsplit(url).scheme != "data" and urlsplit(url).netloc != host] == []


def wait_for_text(page: Page, selector: str, text: str) -> None:
    """Waits until an element of that selector says that."""
    page.locator(selector, has_text=text).first.wait_for()
