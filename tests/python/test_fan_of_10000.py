# SPDX-License-Identifier: MIT
"""10,000 WebSocket clients on one pool in a process of its own: what they cost and what they hear."""

from __future__ import annotations

import time

from clients import PoolProcess, until
from fan import Fan
from measures import private_bytes, threads

CLIENTS = 10_000
EVENTS = 20
CLIENT_MAX_BYTES = 1536
WITHIN_S = 60.0


def test_a_fan_of_10000() -> None:
    """10,000 clients cost no thread and at most 1.5 KB each while idle, and every one hears every one of 20 events in order."""
    with PoolProcess() as pool:
        with Fan(pool.port, 1):  # what the first client costs is not counted: the lane, pages of code
            assert pool.ask("publish", "hello") == 1
        until(lambda: pool.ask("listeners") == 0, "the first client has left")
        threads_before, bytes_before, heap_before = threads(pool.pid), private_bytes(pool.pid), pool.ask("heap_bytes")

        start = time.monotonic()
        with Fan(pool.port, CLIENTS) as fan:
            joined_s = time.monotonic() - start
            idle = (private_bytes(pool.pid) - bytes_before) / CLIENTS
            idle_heap = (pool.ask("heap_bytes") - heap_before) / CLIENTS

            start = time.monotonic()
            assert pool.ask("publish_numbers", 1, EVENTS) == [CLIENTS] * EVENTS
            expected = [f"event {number}" for number in range(1, EVENTS + 1)]
            fan.run(lambda: all(len(seat.heard) >= EVENTS for seat in fan.seats), "every client hears every event", WITHIN_S)
            heard_s = time.monotonic() - start

            assert [seat.heard for seat in fan.seats if seat.heard != expected] == []
            assert threads(pool.pid) == threads_before
            after = (private_bytes(pool.pid) - bytes_before) / CLIENTS
            print(
                f"\n{CLIENTS} clients, each while idle: {idle:.0f} B of private memory, {idle_heap:.0f} B of malloc's; after {EVENTS} "
                f"events {after:.0f} B; {threads_before} threads before and after; joined in {joined_s:.2f} s, all heard in {heard_s:.2f} s"
            )
            assert max(idle, idle_heap) <= CLIENT_MAX_BYTES
        until(lambda: pool.ask("listeners") == 0, "every client has left")
