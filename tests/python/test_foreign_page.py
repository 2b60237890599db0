# SPDX-License-Identifier: MIT
"""Pages of other origins in Chromium (bad-inputs.md 16): what a browser lets them do, and what the server does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Page

from browser import open_browser
from clients import LIMIT_S, Http, PoolProcess, until

FOREIGN = "evil.example"

# Of all that the page tries the server is asked so often, by route; for the JSON and the key the browser asks first whether it may.
ASKED = {("/tx", "4xx"): 5, ("/txs", "4xx"): 2, ("/ws/", "4xx"): 1, ("/events/", "4xx"): 1}

# Each tells how it ended: what came, or "refused".
SCRIPT = """
async (pool) => {
  const text = (result) => result.then((told) => String(told), () => "refused");
  const socket = (url) => new Promise((resolve, reject) => {
    const stream = new WebSocket(url);
    stream.onmessage = (event) => { resolve(event.data); stream.close(); };
    stream.onerror = reject;
  });
  const events = (url) => new Promise((resolve, reject) => {
    const stream = new EventSource(url);
    stream.addEventListener("message", (event) => { resolve(event.data); stream.close(); });
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) reject(); };
  });
  const post = async (path, type, body, more) =>
    (await fetch(pool + path, { method: "POST", body, headers: type ? { "Content-Type": type } : {}, ...more })).status;
  const opaque = async () =>
    (await fetch(pool + "/tx", { method: "POST", body: "blind", mode: "no-cors" })).type;
  const form = () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.name = "into";
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { method: "POST", action: pool + "/tx", target: "into", enctype: "text/plain" });
    form.append(Object.assign(document.createElement("input"), { name: "pay", value: "form" }));
    document.body.append(form);
    frame.onload = () => resolve("sent");
    form.submit();
  });
  return {
    websocket: await text(socket(pool.replace("http", "ws") + "/ws/mempool?since=0")),
    events: await text(events(pool + "/events/mempool?since=0")),
    "tx text": await text(post("/tx", "text/plain", "pay a b 1")),
    "tx json": await text(post("/tx", "application/json", '"pay a b 2"')),
    "txs text": await text(post("/txs", "text/plain", "pay a b 3")),
    "txs json": await text(post("/txs", "application/json", '["pay a b 4"]')),
    "tx key": await text(fetch(pool + "/tx", { method: "POST", body: "pay a b 5", headers: { "Idempotency-Key": "five" } })
                           .then((answer) => answer.status)),
    "tx opaque": await text(opaque()),
    "tx form": await text(form()),
    read: await text(fetch(pool + "/stats").then((answer) => answer.json()).then((stats) => "accepted" in stats)),
  };
}
"""


class Quiet(BaseHTTPRequestHandler):
    """An empty page at every path."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a page</title><body>")

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def site() -> Iterator[int]:
    """A web server of pages; its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(LIMIT_S)


def tries(page: Page, origin: str, pool: str) -> dict[str, str]:
    page.set_default_timeout(LIMIT_S * 1000)
    page.goto(origin)
    assert page.evaluate("location.origin") == origin
    told: dict[str, str] = page.evaluate(SCRIPT, pool)
    return told


def requests(port: int) -> dict[tuple[str, str], int]:
    """Answers so far, by route and class of status; without those to this question."""
    with Http(port) as http:
        counts: dict[str, dict[str, Any]] = http.ask("GET", "/stats").json["http_requests"]
    return {(route, status): n for route, of in counts.items() for status, n in of.items() if n and route != "/stats"}


def test_a_foreign_page_can_do_nothing() -> None:
    """It opens no WebSocket, reads no events and no counters, and nothing that it sends is queued, by fetch, blindly, or by a form; the
    server said 403 to each, and is what stopped it: under the server's own port too, where a rebound name would be no foreign origin."""
    with PoolProcess(batch_interval_ms=0) as pool, site() as port, open_browser(FOREIGN) as browser:
        pool.ask("publish", "a secret")
        for url in (pool.url, f"http://{FOREIGN}:{pool.port}"):
            before = requests(pool.port)
            told = tries(browser.new_page(), f"http://{FOREIGN}:{port}", url)
            assert told == {**dict.fromkeys(told, "refused"), "tx opaque": "opaque", "tx form": "sent"}
            now = requests(pool.port)
            asked = {key: now[key] - before.get(key, 0) for key in now if now[key] != before.get(key, 0)}
            print(f"\n{FOREIGN} at {url}: {told}, answers {asked}")
            assert asked == ASKED
        assert pool.ask("stats")["accepted"] == 0
        # the rebound name as the page's own origin: not even the page comes
        answer = browser.new_page().goto(f"http://{FOREIGN}:{pool.port}/")
        assert answer is not None and answer.status == 403


def test_a_loopback_page_on_another_port_can() -> None:
    """A notebook's page, or a dev server's: it hears over both roads, its transactions are taken, and it can read what it is told."""
    with PoolProcess(batch_interval_ms=0) as pool, site() as port, open_browser() as browser:
        pool.ask("publish", "for all")
        told = tries(browser.new_page(), f"http://127.0.0.1:{port}", pool.url)
        print(f"\nhttp://127.0.0.1:{port}: {told}")
        assert told == {
            "websocket": "for all", "events": "for all", "tx text": "202", "tx json": "202", "txs text": "415", "txs json": "202",
            "tx key": "202", "tx opaque": "opaque", "tx form": "sent", "read": "true",
        }  # fmt: skip
        until(lambda: pool.ask("stats")["accepted"] == 6, "tx in text, JSON, with a key, blindly and by a form, and one of txs")
