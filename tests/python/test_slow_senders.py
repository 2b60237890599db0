# SPDX-License-Identifier: MIT
"""500 clients that send one byte a second of a header or of a body, which never ends (bad-inputs.md 13)."""

from __future__ import annotations

import select
import statistics
import time

from clients import LIMIT_S, Http, PoolProcess, until
from measures import descriptors, private_bytes

SENDERS = 500
EVERY_S = 1.0  # a byte of each
DEADLINE_S = 3.0
SLACK_S = 5.0  # this machine's, not the server's
WAVES = 3  # the first warms up

KIB = 1024
CONNECTION_MAX_BYTES = 34 * KIB  # the buffer, and what is known of it
FLAT_BYTES = 1024 * KIB  # what was kept of 500 connections, or grew with what they sent, would be more

HOST = b"Host: localhost\r\n"
# what comes at once, and what drips in behind it
DRIPS: dict[str, tuple[bytes, bytes]] = {
    "header": (b"G", b"ET /healthz HTTP/1.1\r\n" + HOST),
    "field": (b"POST /tx HTTP/1.1\r\n" + HOST, b"A: " + b"x" * 1000),
    "header of a stream": (b"GET /events/mempool HTTP/1.1\r\n", HOST + b"Accept: text/event-stream"),
    "header of a websocket": (b"GET /ws/mempool HTTP/1.1\r\n" + HOST, b"Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    "tx": (b"POST /tx HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n", b"x" * 999),
    "txs": (b"POST /txs HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n", b"pay\n" * 249),
    "chunk size": (b"POST /tx HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 15),
    "chunks": (
        b"POST /txs HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        b'5\r\n["x",\r\n' + b'4\r\n"x",\r\n' * 100,
    ),
}


class Sender:
    """One of them."""

    def __init__(self, port: int, kind: str) -> None:
        self.kind = kind
        at_once, self._drip = DRIPS[kind]
        self.start = time.monotonic()
        self.http = Http(port)
        self.http.send(at_once)
        self.sent = 0

    def send(self) -> None:
        self.http.send(self._drip[self.sent : self.sent + 1])
        self.sent += 1


class Wave:
    """SENDERS of them, each once more in EVERY_S, by one loop, which asks a good client in between."""

    def __init__(self, pool: PoolProcess, good: Http) -> None:
        self.pool, self.good = pool, good
        self.took_s: list[float] = []  # until the answer
        self.good_ms: list[float] = []
        self.private: list[int] = []
        self.sent = 0

    def run(self) -> None:
        kinds = list(DRIPS)
        senders = [Sender(self.pool.port, kinds[number % len(kinds)]) for number in range(SENDERS)]
        open_now = {sender.http.socket.fileno(): sender for sender in senders}
        poll = select.poll()
        for fd in open_now:
            poll.register(fd, select.POLLIN)
        start, due = time.monotonic(), 0
        try:
            while open_now:
                assert time.monotonic() < start + DEADLINE_S + SLACK_S, f"{len(open_now)} of {SENDERS} are not cut"
                next_s = start + due * EVERY_S / SENDERS
                for fd, _ in poll.poll(max(0.0, next_s - time.monotonic()) * 1000):
                    poll.unregister(fd)
                    self._cut(open_now.pop(fd))
                if time.monotonic() >= next_s:
                    sender = senders[due % SENDERS]
                    due += 1
                    if sender.http.socket.fileno() in open_now:
                        sender.send()
                    if due % 10 == 0:
                        self._ask()
                    if due % SENDERS == 0:
                        self.private.append(private_bytes(self.pool.pid))
        finally:
            for sender in senders:
                sender.http.close()
        self.sent = sum(sender.sent for sender in senders)

    def _cut(self, sender: Sender) -> None:
        answer = sender.http.answer()
        self.took_s.append(time.monotonic() - sender.start)
        assert (answer.status, answer.json["error"], answer.headers["connection"]) == (408, "timeout", "close"), sender.kind

    def _ask(self) -> None:
        start = time.monotonic()
        if len(self.good_ms) % 2:
            answer = self.good.ask("POST", "/tx", b"pay alice bob 5")
        else:
            answer = self.good.ask("POST", "/txs", b"pay alice bob 5\n", "Content-Type: application/x-ndjson")
        self.good_ms.append((time.monotonic() - start) * 1000)
        assert answer.status == 202, answer.body


def test_five_hundred_slow_senders() -> None:
    """Each is told 408 at the absolute deadline, however often a byte of it came; memory stays at a buffer each, the same in every wave; a good
    client's transactions are taken meanwhile, and of theirs none."""
    timeouts = {"header_timeout_ms": int(DEADLINE_S * 1000), "body_timeout_ms": int(DEADLINE_S * 1000)}
    options = {"outcomes_capacity": 16, "ring_capacity": 16, "batch_interval_ms": 0}
    with PoolProcess(**timeouts, **options) as pool:
        with Http(pool.port) as good:
            assert good.ask("POST", "/tx", b"pay first").status == 202
            before, private = descriptors(pool.pid), private_bytes(pool.pid)
            waves: list[Wave] = []
            for _ in range(WAVES):
                waves.append(Wave(pool, good))
                waves[-1].run()
                until(lambda: descriptors(pool.pid) == before, "every connection of theirs is closed")
            accepted = pool.ask("stats")["accepted"]
        took_s = [each for wave in waves for each in wave.took_s]
        good_ms = [each for wave in waves for each in wave.good_ms]
        peaks = [max(wave.private) - private for wave in waves]
        print(
            f"\n{WAVES} x {SENDERS} senders of a byte a second, {sum(wave.sent for wave in waves)} bytes: 408 after {min(took_s):.2f} to "
            f"{max(took_s):.2f} s (deadline {DEADLINE_S} s); private memory at most {[f'{peak / 1e6:.2f} MB' for peak in peaks]} more; "
            f"{len(good_ms)} transactions of a good client meanwhile, each taken in {statistics.quantiles(good_ms, n=100)[98]:.2f} ms (p99)"
        )
        assert len(took_s) == WAVES * SENDERS
        assert DEADLINE_S <= min(took_s)
        assert max(took_s) <= DEADLINE_S + SLACK_S
        assert max(peaks) <= SENDERS * CONNECTION_MAX_BYTES
        assert peaks[-1] <= peaks[1] + FLAT_BYTES
        assert accepted == 1 + len(good_ms)
        assert min(len(wave.good_ms) for wave in waves) >= SENDERS * DEADLINE_S / EVERY_S / 10 / 2  # all the time, not only before
