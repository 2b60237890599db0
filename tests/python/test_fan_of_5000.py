# SPDX-License-Identifier: MIT
"""5,000 WebSocket clients on one pool in a process of its own: what they cost and what they hear."""

from __future__ import annotations

import re
import time
from pathlib import Path

from clients import PoolProcess, until
from fan import Fan

CLIENTS = 5000
EVENTS = 20
CLIENT_MAX_BYTES = 3 * 1024


def threads(pid: int) -> int:
    found = re.search(r"^Threads:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def private_bytes(pid: int) -> int:
    """What this process alone holds: nothing that it shares with others."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kib) for kib in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB$", text, re.MULTILINE)) * 1024


def test_a_fan_of_5000() -> None:
    """5,000 clients cost no thread and at most 3 KB each while idle, and every one hears every one of 20 events in order."""
    with PoolProcess() as pool:
        with Fan(pool.port, 1):  # what the first client costs is not counted: the lane, pages of code
            assert pool.ask("publish", "hello") == 1
        until(lambda: pool.ask("publish", "anybody there?") == 0, "the first client has left")
        threads_before, bytes_before = threads(pool.pid), private_bytes(pool.pid)

        start = time.monotonic()
        with Fan(pool.port, CLIENTS) as fan:
            joined_s = time.monotonic() - start
            per_client = (private_bytes(pool.pid) - bytes_before) / CLIENTS

            start = time.monotonic()
            assert pool.ask("publish_numbers", 1, EVENTS) == [CLIENTS] * EVENTS
            expected = [f"event {number}" for number in range(1, EVENTS + 1)]
            fan.run(lambda: all(len(seat.heard) >= EVENTS for seat in fan.seats), "every client hears every event")
            heard_s = time.monotonic() - start

            assert [seat.heard for seat in fan.seats if seat.heard != expected] == []
            assert threads(pool.pid) == threads_before
            after = (private_bytes(pool.pid) - bytes_before) / CLIENTS
            print(
                f"\n{CLIENTS} clients: {per_client:.0f} B of private memory each while idle, {after:.0f} B after {EVENTS} events; "
                f"{threads_before} threads before and after; joined in {joined_s:.2f} s, all heard in {heard_s:.2f} s"
            )
            assert per_client <= CLIENT_MAX_BYTES
        until(lambda: pool.ask("publish", "anybody there?") == 0, "every client has left")
