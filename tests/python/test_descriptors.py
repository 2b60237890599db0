# SPDX-License-Identifier: MIT
"""A server that has no descriptor left for the next client."""

from __future__ import annotations

import select
import socket
import time

from clients import LIMIT_S, PoolProcess, WebSocket, handshake, until
from fan import Fan
from measures import descriptors, processor_s

ROOM = 40
WAITING = 20
STARVED_EVENTS, INTERVAL_MS = 25, 40  # a second
PAUSE_S = 0.1
PROCESSOR_MAX = 0.25  # of the starved time; a loop that asks for descriptors again and again uses all of it


def test_descriptors_used_up() -> None:
    """Clients that find none wait in the backlog and get in as others leave; meanwhile those that are in are served and the server does
    not spin, and counts how often it had to pause."""
    with PoolProcess() as pool:
        with WebSocket(pool.port):
            pass
        until(lambda: pool.ask("listeners") == 0, "the first client has left")
        assert pool.ask("stats")["accept_pauses"] == 0
        pool.ask("leave_descriptors", ROOM)
        full = descriptors(pool.pid) + ROOM
        with Fan(pool.port, ROOM) as inside:
            waiting = [socket.create_connection(("127.0.0.1", pool.port), timeout=LIMIT_S) for _ in range(WAITING)]
            try:
                for client in waiting:  # the kernel takes both; the server has seen neither
                    client.sendall(handshake())
                assert descriptors(pool.pid) == full

                pauses = pool.ask("stats")["accept_pauses"]
                used, start = processor_s(pool.pid), time.monotonic()
                pool.tell("publish_paced", 1, STARVED_EVENTS, 64, INTERVAL_MS)
                inside.run(lambda: all(len(seat.heard) >= STARVED_EVENTS for seat in inside.seats), "those inside hear everything")
                pool.told()
                paused, starved_s = pool.ask("stats")["accept_pauses"] - pauses, time.monotonic() - start
                share = (processor_s(pool.pid) - used) / starved_s
                assert 2 <= paused <= starved_s / PAUSE_S + 1  # one after another, each of its length
                for seat in inside.seats:
                    assert [int(text.split(" ")[0]) for text in seat.heard] == list(range(1, STARVED_EVENTS + 1))
                assert select.select(waiting, [], [], 0)[0] == []
                assert (descriptors(pool.pid), pool.ask("listeners")) == (full, ROOM)

                start = time.monotonic()
                for seat in inside.seats[:WAITING]:
                    seat.socket.close()
                for client in waiting:
                    assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
                took = time.monotonic() - start
                assert pool.ask("publish", "all in") == ROOM
                for client in waiting:
                    assert client.recv(4096).endswith(b"all in")
                inside.run(lambda: all(seat.heard[-1] == "all in" for seat in inside.seats[WAITING:]), "those who stayed hear it too")
            finally:
                for client in waiting:
                    client.close()
        print(
            f"\n{ROOM} clients inside, {WAITING} in the backlog: {share:.1%} of a processor and {paused} pauses in {starved_s:.2f} s without a descriptor; all got in "
            f"{took * 1000:.0f} ms after as many had left"
        )
        assert share <= PROCESSOR_MAX
        with WebSocket(pool.port) as late:
            until(lambda: pool.ask("listeners") == 1, "the others have left")
            pauses = pool.ask("stats")["accept_pauses"]
            with WebSocket(pool.port):  # with room for it there is no pause
                assert pool.ask("stats")["accept_pauses"] == pauses
            pool.ask("publish", "as before")
            assert late.text() == "as before"
