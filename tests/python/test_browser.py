# SPDX-License-Identifier: MIT
"""The page at /, in Chromium."""

from __future__ import annotations

from playwright.sync_api import expect

from browser import open_page, wait_for_text
from clients import PoolProcess


def test_the_page_shows_events_and_submits() -> None:
    """The page connects, shows events newest first and as text, submits what one types, and tells what came of it."""
    with PoolProcess(batch_interval_ms=0) as pool, open_page(pool.url) as page:
        expect(page.locator("#state")).to_have_text("connected")
        assert pool.ask("publish", "<b>maintenance</b> at noon") == 1
        wait_for_text(page, "#events li", "<b>maintenance</b> at noon")
        assert page.locator("#events b").count() == 0

        page.fill("#tx", "pay bob 5")
        page.click("#send")
        expect(page.locator("#answer")).to_contain_text("applied")
        wait_for_text(page, "#events li", "batch applied 1/1 txs")
        expect(page.locator("#events li").first).to_contain_text("batch applied 1/1 txs")

        page.fill("#tx", "rob bob 5")
        page.click("#send")
        expect(page.locator("#answer")).to_contain_text("unknown verb")
        wait_for_text(page, "#events li", "batch applied 0/1 txs")
