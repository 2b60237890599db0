# SPDX-License-Identifier: MIT
"""1,000 clients that read nothing, and a ring full of the largest events: the bound of docs/architecture.md, "Memory"."""

from __future__ import annotations

import pytest

from clients import PoolProcess, until
from fan import Fan, Seat
from measures import private_bytes

READERS = 1000
TURNS = 24  # more than the bound in all: whoever keeps all of it is found out

KIB = 1024
OPTIONS = {"message_max_bytes": 64 * KIB, "ring_bytes": 4096 * KIB, "ring_capacity": 256, "unsent_max_bytes": 16 * KIB}
EVENTS_A_TURN = OPTIONS["ring_bytes"] // OPTIONS["message_max_bytes"]


def bound_bytes(options: dict[str, int], clients: int, lanes: int = 1) -> int:
    """What the server may hold for its stream, over what it holds with nothing published and nobody there."""
    segment = max(64 * KIB, options["message_max_bytes"] + 14)
    ring = options["ring_bytes"] + 200 * options["ring_capacity"]
    lane = min(options["ring_bytes"] + 14 * options["ring_capacity"], options["lane_bytes"]) + segment
    client = 1 * KIB + options["message_max_bytes"] + 14
    return ring + lanes * lane + segment + clients * client  # a segment: of older events, for who catches up


@pytest.mark.parametrize("lane_bytes", [64 * KIB, 16384 * KIB])
def test_a_thousand_stalled_readers(lane_bytes: int) -> None:
    """However much is published, they cost no more than the rest of one frame each, beside ring and lane; that is given back when they leave."""
    options = {**OPTIONS, "lane_bytes": lane_bytes}
    size = options["message_max_bytes"]
    with PoolProcess(**options) as pool:
        marks: list[bytes] = []  # what a client that reads has heard of the small events

        def hear(_: Seat, payload: bytes) -> None:
            if len(payload) < size:
                marks.append(payload)

        pool.ask("publish_many", 0, 0, 1)
        heap, private = pool.ask("heap_bytes"), private_bytes(pool.pid)
        with Fan(pool.port, 1, hear) as reader, Fan(pool.port, READERS, receive_buffer=4 * KIB):
            held: list[int] = []
            for step in range(TURNS * 4):
                assert pool.ask("publish_many", 1, EVENTS_A_TURN // 4, size) == READERS + 1
                pool.ask("publish", f"step {step}")
                reader.run(lambda: marks[-1:] == [b"step %d" % step], "the one that reads has heard it")
                held.append(pool.ask("heap_bytes") - heap)
            held_private = private_bytes(pool.pid) - private
            bound = bound_bytes(options, READERS + 1)
            print(
                f"\n{READERS} stalled readers, {TURNS} turns of a ring of {options['ring_bytes']} B and a lane of {lane_bytes} B, events of {size} B: at most "
                f"{max(held) / 1e6:.1f} MB of malloc's, {held_private / 1e6:.1f} MB of private memory; the bound is {bound / 1e6:.1f} MB"
            )
            assert max(held) <= bound
            assert max(held) > bound_bytes(options, 0)  # they do stand in the middle of frames: the bound is put to the test
        until(lambda: pool.ask("listeners") == 0, "every reader has left")
        assert pool.ask("heap_bytes") - heap <= bound_bytes(options, 0)
