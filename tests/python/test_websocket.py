# SPDX-License-Identifier: MIT
"""The event stream over WebSocket as docs/spec/wire.md and RFC 6455 have it, against the real socket, byte for byte."""

from __future__ import annotations

import base64
import hashlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable

import pytest
import websockets.exceptions
from websockets.sync.client import connect

import mempool
from clients import (
    BINARY,
    CLOSE,
    KEY,
    LIMIT_S,
    PING,
    PONG,
    TEXT,
    Frame,
    Http,
    Lines,
    WebSocket,
    closing,
    end,
    frame,
    handshake,
    program,
    until,
)

Listen = Callable[..., mempool.Pool]


# ---- the handshake ----


def test_a_plain_get_is_426(listen: Listen) -> None:
    """A plain GET of the stream is 426 and names the version."""
    with Http(listen().port) as http:
        answer = http.ask("GET", "/ws/mempool")
        assert (answer.status, answer.json["error"]) == (426, "upgrade_required")
        assert (answer.headers["upgrade"], answer.headers["sec-websocket-version"]) == ("websocket", "13")
        assert answer.headers["connection"] == "close, Upgrade"  # RFC 9110 7.8


HANDSHAKE = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY}


@pytest.mark.parametrize(
    "change, status",
    [
        ({}, 101),
        ({"Connection": "keep-alive, Upgrade"}, 101),
        ({"Connection": "keep-alive, uPGRADE", "Upgrade": "WebSocket"}, 101),
        ({"Connection": "notupgrade"}, 400),
        ({"Connection": ""}, 400),
        ({"Sec-WebSocket-Version": "8"}, 426),
        ({"Sec-WebSocket-Version": ""}, 426),
        ({"Sec-WebSocket-Key": ""}, 400),
        ({"Sec-WebSocket-Key": "c2hvcnQ="}, 400),
        ({"Sec-WebSocket-Key": "?" * 22 + "=="}, 400),
        ({"Sec-WebSocket-Key": f"{KEY}\r\nSec-WebSocket-Key: {KEY}"}, 400),
        ({"Upgrade": "h2c"}, 426),
    ],
    ids=lambda value: " ".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, dict) else None,
)
def test_the_handshake_is_checked(listen: Listen, change: dict[str, str], status: int) -> None:
    """Connection is a list, the key is 16 bytes, the version is 13; what is refused is no 101."""
    headers = [f"{name}: {text}" for name, text in {**HANDSHAKE, **change}.items() if text]
    with Http(listen().port) as http:
        http.send("\r\n".join(["GET /ws/mempool HTTP/1.1", "Host: localhost", *headers, "", ""]).encode())
        answer = http.answer()
        assert answer.status == status
        if status == 426:
            assert answer.headers["sec-websocket-version"] == "13"


@pytest.mark.parametrize(
    "key, accept",
    [
        ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),  # RFC 6455 1.3
        ("AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="),
        ("/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="),
    ],
)
def test_the_accept_value_answers_the_key(listen: Listen, key: str, accept: str) -> None:
    """Sec-WebSocket-Accept is RFC 6455's own for its example, and the key's hash as 4.2.2 describes it."""
    assert accept == base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    with Http(listen().port) as http:
        http.send(handshake().replace(KEY.encode(), key.encode()))
        answer = http.answer()
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == accept


def test_http_1_0_cannot_upgrade(listen: Listen) -> None:
    """HTTP/1.0 with a handshake is refused."""
    with Http(listen().port) as http:
        http.send(handshake().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert http.answer().status in (400, 426)


def test_the_subprotocol_is_answered_where_it_is_known(listen: Listen) -> None:
    """mempool.v1.text is chosen where it is offered; others are left alone, and there is a stream all the same."""
    port = listen().port
    with WebSocket(port, "/ws/mempool", "Sec-WebSocket-Protocol: chat, mempool.v1.text") as client:
        assert "Sec-WebSocket-Protocol: mempool.v1.text" in client.answer
    with WebSocket(port, "/ws/mempool", "Sec-WebSocket-Protocol: chat") as client:
        assert "Sec-WebSocket-Protocol" not in client.answer


def test_frames_sent_with_the_handshake_are_heard(listen: Listen) -> None:
    """Frames in the same write as the handshake are not lost."""
    with socket.create_connection(("127.0.0.1", listen().port), timeout=LIMIT_S) as client:
        client.sendall(handshake() + frame(PING, b"early"))
        got = b""
        while not got.endswith(b"\x8a\x05early"):
            more = client.recv(4096)
            assert more
            got += more


# ---- what is heard ----


def test_batches_and_messages_are_heard_in_order(listen: Listen) -> None:
    """A batch is one text frame; what the host publishes goes out as it is, text as text, bytes as binary, whatever their length."""
    pool = listen()
    sizes = (0, 1, 125, 126, 65535, 65536)
    with WebSocket(pool.port) as client:
        pool.submit("pay").wait(LIMIT_S)
        assert client.next() == Frame(TEXT, b"batch applied 1/1 txs")
        for size in sizes:
            assert pool.publish("x" * size) == 1
            pool.publish(b"\xff" * size)
        for size in sizes:
            assert client.next() == Frame(TEXT, b"x" * size)
            assert client.next() == Frame(BINARY, b"\xff" * size)


def test_a_client_hears_from_the_handshake_on(listen: Listen) -> None:
    """What was published before the handshake is not heard, what comes after its answer is: nothing between is lost."""
    pool = listen()
    pool.publish("before")
    with WebSocket(pool.port) as client:
        pool.publish("after")
        assert client.text() == "after"
    until(lambda: pool.publish("?") == 0, "the client that left is counted no more")


def test_a_client_that_stopped_reading_is_told_what_it_missed(listen: Listen) -> None:
    """A client that stops in the middle of a frame and reads on later gets whole frames in order, and `lagged N` where N are missing:
    received + lagged = published, exactly."""
    pool = listen(ring_capacity=8)
    published = 600
    with WebSocket(pool.port, receive_buffer=4096) as client:
        client.socket.settimeout(LIMIT_S)
        for number in range(published):
            pool.publish(f"{number} " + "x" * 60000)
            if number == 3:
                assert client.socket.recv(1000, socket.MSG_PEEK)  # it has begun to read, and now stops
        lags: list[int] = []
        number = received = 0
        while number < published:
            first, second = client.text().split(" ", 1)
            if first == "lagged":
                lags.append(int(second))
                number += int(second)
            else:
                assert (int(first), second) == (number, "x" * 60000)
                number += 1
                received += 1
        assert received + sum(lags) == published
        assert lags, "the kernel took 36 MB for a client that does not read"
        pool.publish("end")
        assert client.text() == "end"


def test_a_slow_client_delays_nobody(listen: Listen) -> None:
    """While one client reads nothing at all, another hears every event."""
    pool = listen(ring_capacity=1024)
    with WebSocket(pool.port, receive_buffer=4096), WebSocket(pool.port) as reader:
        for number in range(500):
            pool.publish(f"{number} " + "x" * 20000)
            assert reader.text().startswith(f"{number} ")


# ---- control frames ----


def test_a_ping_is_answered(listen: Listen) -> None:
    """A ping is answered by a pong with the same payload, 0 to 125 bytes; a pong unasked for is ignored."""
    with WebSocket(listen().port) as client:
        client.send(frame(PONG, b"unasked"))
        for payload in (b"", b"x", b"x" * 125):
            client.send(frame(PING, payload))
            assert client.next() == Frame(PONG, payload)


def test_a_ping_is_answered_while_apply_runs(listen: Listen) -> None:
    """Pings are answered and messages heard while the host's apply takes its time."""
    entered, let = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        let.wait(LIMIT_S)

    pool = listen(apply)
    with WebSocket(pool.port) as client:
        ticket = pool.submit("pay")
        assert entered.wait(LIMIT_S)
        client.send(frame(PING, b"there?"))
        assert client.next() == Frame(PONG, b"there?")
        pool.publish("meanwhile")
        assert client.text() == "meanwhile"
        let.set()
        ticket.wait(LIMIT_S)
        assert client.text() == "batch applied 1/1 txs"


def test_what_a_client_says_is_ignored(listen: Listen) -> None:
    """Messages of a text client are read and ignored, also in fragments with a ping between them."""
    pool = listen()
    with WebSocket(pool.port) as client:
        client.send(frame(TEXT, b"hello") + frame(BINARY, b"\xff" * 60000))
        client.send(frame(TEXT, b"a\xc3", fin=False) + frame(PING, b"between") + frame(0, b"\xa4b"))
        assert client.next() == Frame(PONG, b"between")
        pool.publish("still there")
        assert client.text() == "still there"


# ---- closing ----


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999, None])
def test_a_client_that_closes_is_answered(listen: Listen, code: int | None) -> None:
    """The client's close is answered with its code, then the server ends the connection."""
    with WebSocket(listen().port) as client:
        client.send(closing(code, "bye") if code else frame(CLOSE))
        got = client.next()
        assert got.opcode == CLOSE
        assert got.payload[:2] == (code.to_bytes(2, "big") if code else b"")
        assert client.ended()


@pytest.mark.parametrize(
    "raw, code",
    [
        (frame(TEXT, b"x", masked=False), 1002),
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(0x3, b"x"), 1002),
        (frame(0xB, b"x"), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (closing(999), 1002),
        (closing(1005), 1002),
        (closing(1006), 1002),
        (closing(1014), 1002),
        (closing(1015), 1002),
        (closing(5000), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xc0\x80"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(0, b"x", fin=False), 1007),
        (frame(TEXT, b"\xc3"), 1007),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(BINARY, b"x" * 1001), 1009),
        (frame(BINARY, b"x" * 600, fin=False) + frame(0, b"x" * 600), 1009),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask", 1009),
        (b"\x82\xff" + (1 << 63).to_bytes(8, "big") + b"mask", 1002),
        (frame(TEXT, b"x", fin=False) + frame(0, b"x", fin=False) * 1000, 1009),
    ],
    ids=[
        "unmasked", "RSV1", "opcode 3", "opcode 11", "stray continuation", "text inside a message", "fragmented ping",
        "ping of 126 bytes", "close of one byte", "close 999", "close 1005", "close 1006", "close 1014", "close 1015", "close 5000",
        "no UTF-8", "overlong", "surrogate", "no UTF-8, split", "UTF-8 cut off", "reason no UTF-8",
        "too big", "too big in fragments", "2^40 bytes announced",
        "length with the high bit", "fragments of one byte without end",
    ],
)  # fmt: skip
def test_a_violation_is_closed_with_its_code(listen: Listen, raw: bytes, code: int) -> None:
    """What RFC 6455 forbids gets its close code, then the end of the connection; others are not disturbed."""
    pool = listen(message_max_bytes=1000)
    with WebSocket(pool.port) as other, WebSocket(pool.port) as client:
        client.send(raw)
        assert client.close_code() == code
        client.send(closing(code))
        assert client.ended()
        pool.publish("others are not disturbed")
        assert other.text() == "others are not disturbed"


def test_stop_closes_with_1001_after_the_last_event(listen: Listen) -> None:
    """On stop a client hears what was accepted before, when to come back, then close 1001; it answers, the connection ends, stop returns."""
    pool = listen(batch_interval_ms=60000)
    with WebSocket(pool.port) as client:
        pool.submit("pay")
        stopping = threading.Thread(target=pool.stop)
        stopping.start()
        assert client.text() == "batch applied 1/1 txs"
        word, _, reconnect_in_ms = client.text().partition(" ")
        assert word == "draining" and 500 <= int(reconnect_in_ms) <= 5000
        assert client.next().opcode == CLOSE
        client.send(closing(1001))
        assert client.ended()
        stopping.join(LIMIT_S)  # though the client's own end is open still
        assert pool.state == "STOPPED"


def test_a_client_that_never_answers_the_close_is_cut(listen: Listen) -> None:
    """A client that does not answer the server's close is cut when close_timeout_ms have passed, and stop returns."""
    pool = listen(close_timeout_ms=200, drain_timeout_ms=15000)
    with WebSocket(pool.port) as client:
        start = time.monotonic()
        pool.stop()
        assert 0.15 <= time.monotonic() - start < 10
        assert client.close_code() == 1001
        assert client.ended()


def test_a_client_that_reads_nothing_does_not_hold_stop(listen: Listen) -> None:
    """A client whose socket takes nothing any more is cut at stop's timeout."""
    pool = listen(close_timeout_ms=200)
    with WebSocket(pool.port, receive_buffer=4096):
        for _ in range(200):
            pool.publish("x" * 60000)
        pool.stop(1.0)
        assert pool.state == "STOPPED"


def test_a_client_that_vanishes_is_forgotten(listen: Listen) -> None:
    """A client that ends without a close, or with a reset, is counted no more."""
    pool = listen()
    with WebSocket(pool.port) as ends, WebSocket(pool.port) as resets:
        assert pool.publish("?") == 2
        resets.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        resets.close()
        ends.close()
    until(lambda: pool.publish("?") == 0, "both are forgotten")


# ---- others' clients ----


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_the_websockets_library_hears_and_closes(listen: Listen, compression: str | None) -> None:
    """Python's websockets connects (its offer of compression is declined), hears text and binary, pings, and sees 1001 on stop."""
    pool = listen()
    url = f"ws://127.0.0.1:{pool.port}/ws/mempool"
    with connect(url, compression=compression, proxy=None, open_timeout=LIMIT_S, subprotocols=None) as client:
        pool.publish("zoë")
        pool.publish(b"\0\xff")
        assert client.recv(LIMIT_S) == "zoë"
        assert client.recv(LIMIT_S) == b"\0\xff"
        assert client.ping("there?").wait(LIMIT_S)
        pool.stop(LIMIT_S)
        assert str(client.recv(LIMIT_S)).startswith("draining ")
        with pytest.raises(websockets.exceptions.ConnectionClosedOK) as closed:
            client.recv(LIMIT_S)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001


def test_websocat_prints_a_line_an_event_and_ends_with_the_stream(listen: Listen) -> None:
    """websocat prints one line an event; with --exit-on-eof it ends when the server goes. (Without it, 1.13 leaves the server's close
    unanswered for as long as its standard input is open, so stop waits close_timeout_ms for it.)"""
    pool = listen()
    command = [program("websocat"), "--exit-on-eof", f"ws://127.0.0.1:{pool.port}/ws/mempool"]
    websocat = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        until(lambda: pool.publish("?") == 1, "websocat listens")
        lines = Lines(websocat)
        pool.submit("pay").wait(LIMIT_S)
        lines.until("batch applied 1/1 txs")
        pool.publish("the end")
        assert lines.next() == "the end"
        pool.stop(LIMIT_S)
        assert websocat.wait(LIMIT_S) == 0
    finally:
        end(websocat)
