# SPDX-License-Identifier: MIT
"""Clients that vanish, at every stage of a connection, with a reset or with a FIN and no close frame."""

from __future__ import annotations

import itertools
import socket
import struct
import time
from collections.abc import Callable

from clients import LIMIT_S, TEXT, PoolProcess, frame, handshake, until
from measures import descriptors, private_bytes

CYCLES = 1000
WARM_UP = 100
RING = 8
HEAP_SLACK_BYTES = 64 * 1024  # a lane's segment; what was kept of 1,000 seats or sessions would be more
POST = b"POST /tx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n\r\n"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def upgrade(client: socket.socket) -> None:
    client.sendall(handshake())
    read = b""
    while b"\r\n\r\n" not in read:
        more = client.recv(4096)
        assert more
        read += more


def before_the_request(_: socket.socket, __: PoolProcess) -> None:
    pass


def in_the_request_line(client: socket.socket, _: PoolProcess) -> None:
    client.sendall(b"GET /ws/mem")


def in_the_header(client: socket.socket, _: PoolProcess) -> None:
    client.sendall(handshake()[:-4])


def in_the_body(client: socket.socket, _: PoolProcess) -> None:
    client.sendall(POST + b"pay bo")


def before_the_answer(client: socket.socket, _: PoolProcess) -> None:
    client.sendall(POST + b"pay bob 5 and eve 10" + b"GET /stats HTT")


def before_the_101(client: socket.socket, _: PoolProcess) -> None:
    client.sendall(handshake())


def after_the_101(client: socket.socket, _: PoolProcess) -> None:
    upgrade(client)


def in_a_frame_of_its_own(client: socket.socket, _: PoolProcess) -> None:
    upgrade(client)
    client.sendall(frame(TEXT, b"x" * 30_000)[:20_000])


def between_fragments(client: socket.socket, _: PoolProcess) -> None:
    upgrade(client)
    client.sendall(frame(TEXT, b"x" * 100, fin=False))


def in_an_event(client: socket.socket, pool: PoolProcess) -> None:
    upgrade(client)
    pool.ask("publish", "y" * 60_000)
    assert client.recv(1000)


STAGES: list[Callable[[socket.socket, PoolProcess], None]] = [
    before_the_request,
    in_the_request_line,
    in_the_header,
    in_the_body,
    before_the_answer,
    before_the_101,
    after_the_101,
    in_a_frame_of_its_own,
    between_fragments,
    in_an_event,
]


def vanish(pool: PoolProcess, cycles: int, forgotten: Callable[[], bool]) -> None:
    """So many clients, one after another, by turns at every stage and in both ways; returns when all of them are forgotten."""
    half_closed: list[socket.socket] = []
    try:
        for stage, reset in itertools.islice(itertools.cycle(itertools.product(STAGES, (True, False))), cycles):
            client = socket.create_connection(("127.0.0.1", pool.port), timeout=LIMIT_S)
            half_closed.append(client)
            stage(client, pool)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                half_closed.pop().close()
            else:  # a FIN and nothing more: a close would make a reset of it where something was not read
                client.shutdown(socket.SHUT_WR)
        until(forgotten, "all of them are forgotten")
        pool.ask("publish_many", 1, 2 * RING, 1)  # the ring is full of the same each time
    finally:
        for client in half_closed:
            client.close()


def test_a_thousand_clients_that_vanish() -> None:
    """Their seats and connections are freed as soon as they are gone: descriptors and memory are what they were before them."""
    with PoolProcess(ring_capacity=RING, batch_interval_ms=0, outcomes_capacity=16) as pool:
        before = descriptors(pool.pid)

        def forgotten() -> bool:
            return (descriptors(pool.pid), pool.ask("listeners")) == (before, 0)

        vanish(pool, WARM_UP, forgotten)
        heap, private = pool.ask("heap_bytes"), private_bytes(pool.pid)

        start = time.monotonic()
        vanish(pool, CYCLES, forgotten)
        took = time.monotonic() - start
        grown, grown_private = pool.ask("heap_bytes") - heap, private_bytes(pool.pid) - private
        print(
            f"\n{CYCLES} clients vanished in {took:.2f} s, at {len(STAGES)} stages, by RST and by FIN: {before} descriptors as before, "
            f"{grown} B of malloc's more, {grown_private} B of private memory more"
        )
        assert grown <= HEAP_SLACK_BYTES
