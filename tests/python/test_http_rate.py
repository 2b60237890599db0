# SPDX-License-Identifier: MIT
"""How many connections may come, and how often: row 40 of docs/spec/bad-inputs.md."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import mempool
from clients import LIMIT_S, Answer, Http, until

Listen = Callable[..., mempool.Pool]


class From(Http):
    """A connection from an address of one's own."""

    def __init__(self, address: str, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), LIMIT_S, (address, 0))
        self._bytes = b""


def healthz(address: str, port: int) -> Answer:
    with From(address, port) as http:
        http.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return http.answer()


def test_beyond_the_rate_it_is_429_and_later_200_again(listen: Listen) -> None:
    """The third connection of an address within its second is told 429 and Retry-After, and its end; a second later it may come."""
    port = listen(rate_limit_connections=2).port
    answers = [healthz("127.0.0.1", port) for _ in range(40)]
    refused = [answer for answer in answers if answer.status != 200]
    assert refused and answers[0].status == 200
    for answer in refused:
        assert (answer.status, answer.json["error"], answer.headers["connection"]) == (429, "rate", "close")
        assert int(answer.headers["retry-after"]) >= 1
        assert "rate_limit_connections" in answer.json["detail"]
    until(lambda: healthz("127.0.0.1", port).status == 200, "the address may come again")


def test_a_thousand_reconnects_starve_nobody(listen: Listen) -> None:
    """A burst of 1,000 gets as many in as the rate says, and the rest 429; another address is served at once."""
    port = listen(rate_limit_connections=50).port
    start = time.monotonic()
    statuses = [healthz("127.0.0.1", port).status for _ in range(1000)]
    elapsed = time.monotonic() - start
    assert 50 <= statuses.count(200) <= 50 * (1 + elapsed) + 1
    assert statuses.count(200) + statuses.count(429) == 1000
    assert healthz("127.0.0.2", port).status == 200


def test_who_is_refused_takes_nobodys_place(listen: Listen) -> None:
    """Refused connections that stay open, hundreds of them, do not count for max_connections."""
    port = listen(rate_limit_connections=1, max_connections=60).port
    held = [From("127.0.0.1", port) for _ in range(300)]
    try:
        assert healthz("127.0.0.2", port).status == 200
    finally:
        for http in held:
            http.close()


def test_beyond_max_connections_it_is_503_and_then_there_is_room(listen: Listen) -> None:
    """503 with Retry-After, also for an address that has not come before; when one leaves, the next is served."""
    port = listen(max_connections=1).port
    with From("127.0.0.1", port) as first:
        assert first.ask("GET", "/healthz").status == 200
        answer = healthz("127.0.0.2", port)
        assert (answer.status, answer.json["error"]) == (503, "connections")
        assert int(answer.headers["retry-after"]) >= 1
    until(lambda: healthz("127.0.0.2", port).status == 200, "there is room again")


def test_off_by_default(listen: Listen) -> None:
    """Without the option nobody is refused for coming often."""
    port = listen().port
    assert {healthz("127.0.0.1", port).status for _ in range(200)} == {200}
