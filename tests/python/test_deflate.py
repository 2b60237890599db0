# SPDX-License-Identifier: MIT
"""permessage-deflate on the wire (RFC 7692): what is agreed on, what is compressed, what a bomb gets and what it costs (bad-inputs.md 27)."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

import mempool
from browser import open_browser
from clients import BINARY, LIMIT_S, PING, PONG, TEXT, Frame, PoolProcess, WebSocket, closing, deflated, frame, until

Listen = Callable[..., mempool.Pool]

OFFER = "Sec-WebSocket-Extensions: permessage-deflate"
TAKEN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
KIB = 1024


def said(message: bytes, opcode: int = TEXT) -> bytes:
    """A compressed message, as a client sends it."""
    return frame(opcode, deflated(message), rsv=4)


def agreed(client: WebSocket) -> str | None:
    lines = [line for line in client.answer.split("\r\n") if line.lower().startswith("sec-websocket-extensions:")]
    assert len(lines) <= 1
    return lines[0].partition(": ")[2] if lines else None


# ---- what is agreed on ----


@pytest.mark.parametrize(
    "offers, answer",
    [
        ([], None),
        (["permessage-deflate"], TAKEN),
        (["permessage-deflate; client_max_window_bits"], TAKEN + "; client_max_window_bits=15"),
        (['permessage-deflate; client_max_window_bits="9"'], TAKEN + "; client_max_window_bits=9"),
        (["permessage-deflate; server_max_window_bits=15"], TAKEN + "; server_max_window_bits=15"),
        (["permessage-deflate; server_max_window_bits=10"], None),
        (["permessage-deflate; server_max_window_bits=10, permessage-deflate"], TAKEN),
        (["permessage-deflate; server_max_window_bits=10", "x-other", "permessage-deflate"], TAKEN),
        (["permessage-deflate; level=9"], None),
        (["permessage-deflate; client_no_context_takeover; client_no_context_takeover"], None),
        (["x-webkit-deflate-frame"], None),
    ],
)
def test_an_offer_is_answered(listen: Listen, offers: list[str], answer: str | None) -> None:
    """Neither side keeps a window; the first offer that can be honoured is taken, else the stream is not compressed; with the option off it
    never is."""
    lines = [f"Sec-WebSocket-Extensions: {offer}" for offer in offers]
    for deflate, expected in ((True, answer), (False, None)):
        pool = listen(deflate=deflate)
        with WebSocket(pool.port, "/ws/mempool", *lines) as client:
            assert agreed(client) == expected
            message = "x" * 1000
            pool.publish(message)
            got = client.next()
            assert (got.opcode, got.payload) == (TEXT, message.encode())
            assert (got.wire_bytes > 0) == (expected is not None)


def test_server_sent_events_are_not_compressed(listen: Listen) -> None:
    """The extension is the WebSocket's: who asks for events by HTTP gets them as they are, whatever it offers."""
    pool = listen(deflate=True)
    with WebSocket(pool.port, "/ws/mempool?format=json", OFFER) as client:
        assert json.loads(client.text())["type"] == "hello"
        pool.publish("x" * 1000)
        assert client.next().wire_bytes > 0
        assert pool.stats.clients_json == 1


# ---- what is compressed ----


def test_what_gets_shorter_is_compressed_from_the_least_size_on(listen: Listen) -> None:
    """deflate_min_bytes is the shortest message that is compressed; text stays text, binary binary; noise goes out as it is."""
    pool = listen(deflate=True, deflate_min_bytes=100)
    noise = bytes(range(256))
    with WebSocket(pool.port, "/ws/mempool", OFFER) as client, WebSocket(pool.port) as plain:
        for message, compressed in (("x" * 99, False), ("x" * 100, True), (b"\xff" * 100, True), (noise, False), ("zoë " * 50, True)):
            assert pool.publish(message) == 2
            payload = message.encode() if isinstance(message, str) else message
            got = client.next()
            assert (got.opcode, got.payload) == (TEXT if isinstance(message, str) else BINARY, payload)
            assert (0 < got.wire_bytes < len(payload)) == compressed
            assert plain.next().payload == payload


def test_the_websockets_library_reads_and_writes_it(listen: Listen) -> None:
    """websockets hears compressed events and submits compressed messages, whatever window it asks for itself."""
    pool = listen(deflate=True, deflate_min_bytes=0)
    for bits in (None, 9, 15):
        factory = ClientPerMessageDeflateFactory(client_max_window_bits=bits if bits is not None else True)
        url = f"ws://127.0.0.1:{pool.port}/ws/mempool?format=json"
        with connect(url, extensions=[factory], proxy=None, open_timeout=LIMIT_S) as client:
            (extension,) = client.protocol.extensions
            assert "local_no_context_takeover=True" in repr(extension) and "remote_no_context_takeover=True" in repr(extension)
            assert json.loads(client.recv(LIMIT_S))["type"] == "hello"
            for size in (0, 1, 1000, 60_000):
                message = "é" * (size // 2)
                pool.publish(message)
                assert json.loads(client.recv(LIMIT_S))["data"] == message
                client.send(json.dumps({"type": "tx", "data": "pay " + "x" * size, "ref": "r"}))
                told = {json.loads(client.recv(LIMIT_S))["type"] for _ in range(2)}
                assert told == {"accepted", "batch"}


def test_websockets_as_it_offers_by_itself(listen: Listen) -> None:
    """compression="deflate" is what it does by default."""
    pool = listen(deflate=True)
    with connect(f"ws://127.0.0.1:{pool.port}/ws/mempool", compression="deflate", proxy=None) as client:
        assert client.protocol.extensions
        pool.publish("x" * 1000)
        assert client.recv(LIMIT_S) == "x" * 1000
        assert client.ping("there?").wait(LIMIT_S)


def test_chromium_reads_and_writes_it() -> None:
    """Chromium offers it by itself: a page hears a long event, and submits a long transaction."""
    script = """
    async (url) => {
      const socket = new WebSocket(url + "/ws/mempool", ["mempool.v1.json"]);
      const told = [];
      await new Promise((resolve, reject) => {
        socket.onerror = reject;
        socket.onopen = () => socket.send(JSON.stringify({type: "tx", data: "pay " + "x".repeat(5000), ref: "a", wait: true}));
        socket.onmessage = (event) => { told.push(JSON.parse(event.data)); if (told.at(-1).type === "outcome") resolve(); };
      });
      return {extensions: socket.extensions, told};
    }
    """
    with PoolProcess(batch_interval_ms=0, deflate="on", deflate_min_bytes=0) as pool, open_browser() as browser:
        page = browser.new_page()
        page.goto(pool.url)
        seen = page.evaluate(script, pool.url.replace("http", "ws").rstrip("/"))
        assert seen["extensions"].startswith("permessage-deflate")
        told = {message["type"]: message for message in seen["told"]}
        assert told["accepted"]["ref"] == "a"
        assert told["outcome"]["status"] == "applied"


# ---- bad inputs, row 27 ----


def test_a_bomb_at_the_limit_is_a_message_and_one_byte_more_is_1009(listen: Listen) -> None:
    """A message is as long as it is inflated: at message_max_bytes it is read, one byte beyond it is refused, and so is a real bomb."""
    pool = listen(deflate=True, message_max_bytes=10_000)
    with WebSocket(pool.port, "/ws/mempool", OFFER) as client:
        client.send(said(b"x" * 10_000) + frame(PING, b"?"))
        assert client.next() == Frame(PONG, b"?")
        assert pool.stats.messages_ignored == 1
    for bomb in (said(b"x" * 10_001), said(bytes(64 << 20)), frame(TEXT, deflated(bytes(1 << 20), zlib.Z_FINISH), rsv=4)):
        with WebSocket(pool.port, "/ws/mempool", OFFER) as client:
            client.send(bomb)
            assert client.close_code() == 1009
            client.send(closing(1009))
            assert client.ended()


@pytest.mark.parametrize(
    "raw, code",
    [
        (frame(TEXT, b"\xff\xff\xff\xff", rsv=4), 1007),
        (frame(TEXT, deflated(b"Hello")[:3], rsv=4), 1007),
        (frame(TEXT, b"Hello", rsv=4), 1007),
        (said(b"\xff"), 1007),
        (frame(PING, b"", rsv=4), 1002),
        (frame(TEXT, b"a", fin=False) + frame(0, b"b", rsv=4), 1002),
        (frame(TEXT, deflated(b"a"), fin=False, rsv=4) + frame(0, b"", rsv=4), 1002),
        (frame(TEXT, deflated(b"a"), rsv=6), 1002),
    ],
    ids=["no DEFLATE", "cut off", "not compressed at all", "no UTF-8", "RSV1 on a ping", "RSV1 on a continuation",
         "RSV1 on each fragment", "RSV2 too"],
)  # fmt: skip
def test_what_is_no_compressed_message_is_closed_with_its_code(listen: Listen, raw: bytes, code: int) -> None:
    """Garbage gets a close frame, then the end of the connection; others are not disturbed, and go on compressing."""
    pool = listen(deflate=True)
    with WebSocket(pool.port, "/ws/mempool", OFFER) as other, WebSocket(pool.port, "/ws/mempool", OFFER) as client:
        client.send(raw)
        assert client.close_code() == code
        client.send(closing(code))
        assert client.ended()
        other.send(said(b"hello") + frame(PING, b"?"))
        assert other.next() == Frame(PONG, b"?")
        pool.publish("x" * 1000)
        assert other.next().payload == b"x" * 1000


def test_bombs_cost_no_memory() -> None:
    """However many bombs come, the process holds no more behind them than before: one inflater for all clients, and no message kept."""
    limit = 1 << 20
    with PoolProcess(deflate="on", message_max_bytes=limit) as pool:
        with WebSocket(pool.port, "/ws/mempool", OFFER) as first:
            first.send(said(bytes(limit)) + frame(PING))
            assert first.next() == Frame(PONG, b"")
            before = pool.ask("heap_bytes")
            for _ in range(20):
                with WebSocket(pool.port, "/ws/mempool", OFFER) as client:
                    client.send(said(bytes(limit)) * 20 + said(bytes(limit + 1)))
                    assert client.close_code() == 1009
            until(lambda: pool.ask("listeners") == 1, "the bombers are gone")
            assert pool.ask("heap_bytes") - before < 64 * KIB


def test_half_a_message_holds_what_was_sent_of_it_and_no_more() -> None:
    """500 clients that never end their compressed message, whose 200 bytes would be 200 kB: none is inflated before it is whole."""
    clients, payload = 500, deflated(bytes(200_000))
    with PoolProcess(deflate="on", message_max_bytes=1 << 20) as pool, ExitStack() as stack:
        sockets = [stack.enter_context(WebSocket(pool.port, "/ws/mempool", OFFER)) for _ in range(clients)]
        before = pool.ask("heap_bytes")
        for client in sockets:
            client.send(frame(BINARY, payload, fin=False, rsv=4) + frame(PING))
        for client in sockets:
            assert client.next() == Frame(PONG, b"")
        assert pool.ask("heap_bytes") - before < clients * (len(payload) + 1 * KIB)


def test_an_idle_client_that_compresses_costs_what_any_other_does() -> None:
    """When it has said and heard something compressed, nothing of that is kept for it: there is one deflater and one inflater."""
    clients = 500

    def cost(*headers: str) -> int:
        with PoolProcess(deflate="on") as pool, ExitStack() as stack:
            pool.ask("publish", "x" * 1000)
            before = pool.ask("heap_bytes")
            sockets = [stack.enter_context(WebSocket(pool.port, "/ws/mempool", *headers)) for _ in range(clients)]
            for client in sockets:
                client.send((said(b"hello") if headers else frame(TEXT, b"hello")) + frame(PING))
                assert client.next() == Frame(PONG, b"")
            assert pool.ask("publish", "x" * 1000) == clients
            for client in sockets:
                assert client.next().payload == b"x" * 1000
            return int(pool.ask("heap_bytes")) - int(before)

    plain, compressing = cost(), cost(OFFER)
    print(f"{clients} idle clients: {plain / clients:.0f} B each, of those that compress {compressing / clients:.0f} B")
    assert compressing - plain < (264 + 40 + 64) * KIB
