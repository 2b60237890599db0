# SPDX-License-Identifier: MIT
"""1,000 clients that read nothing, and a ring full of the largest events: the bound of docs/architecture.md, "Memory", in every format,
compressed or not."""

from __future__ import annotations

import pytest

from clients import PoolProcess, until
from fan import Fan, Seat
from formats import DEFLATED, FORMATS, is_deflated
from measures import private_bytes
from memory import KIB, bound_bytes

READERS = 1000

RING = {"ring_bytes": 4096 * KIB, "ring_capacity": 256, "unsent_max_bytes": 16 * KIB}

# format, lane_bytes, message_max_bytes, what a message is full of, how many times its bytes that makes in this format
CASES = [
    *((form, lane_bytes, 64 * KIB, ".", 1) for form in FORMATS for lane_bytes in (64 * KIB, 16384 * KIB)),
    *((form, 64 * KIB, 64 * KIB, "", 1) for form in DEFLATED),
    ("json", 64 * KIB, 16 * KIB, "\1", 6),
    ("sse text", 64 * KIB, 16 * KIB, "\n", 7),
    ("sse json", 64 * KIB, 16 * KIB, "\1", 6),
]
IDS = [f"{form}, lane of {lane_bytes // KIB} KiB, bytes x {factor}" for form, lane_bytes, _, _, factor in CASES]


@pytest.mark.parametrize(("form", "lane_bytes", "size", "fill", "factor"), CASES, ids=IDS)
def test_a_thousand_stalled_readers(form: str, lane_bytes: int, size: int, fill: str, factor: int) -> None:
    """However much is published, they cost no more than the rest of one frame each, beside ring and lane; that is given back when they leave."""
    options = {**RING, "message_max_bytes": size, "lane_bytes": lane_bytes, "deflate": "on" if is_deflated(form) else "off"}
    events_a_turn = options["ring_bytes"] // size
    bound = bound_bytes(options, {form: READERS + 1}, factor)
    turns = 4 * bound // (3 * options["ring_bytes"] * factor)  # more than the bound in all: whoever keeps all of it is found out
    with PoolProcess(**options) as pool:
        marks: list[bytes] = []  # what a client that reads has heard of the small events

        def hear(_: Seat, payload: bytes) -> None:
            if len(payload) < size:
                marks.append(payload)

        pool.ask("publish_many", 0, 0, 1)
        heap, private = pool.ask("heap_bytes"), private_bytes(pool.pid)
        with Fan(pool.port, 1, hear, forms=[form]) as reader, Fan(pool.port, READERS, receive_buffer=4 * KIB, forms=[form]):
            held: list[int] = []
            for step in range(turns * 4):
                assert pool.ask("publish_many", 1, events_a_turn // 4, size, fill) == READERS + 1
                pool.ask("publish", f"step {step}")
                reader.run(lambda: marks[-1:] == [b"step %d" % step], "the one that reads has heard it")
                held.append(pool.ask("heap_bytes") - heap)
            held_private = private_bytes(pool.pid) - private
            print(
                f"\n{READERS} stalled readers of {form}, {turns} turns of a ring of {options['ring_bytes']} B and a lane of {lane_bytes} B, events "
                f"of {size} B, each byte {factor} on the wire: at most {max(held) / 1e6:.1f} MB of malloc's, {held_private / 1e6:.1f} MB of private "
                f"memory; the bound is {bound / 1e6:.1f} MB"
            )
            assert max(held) <= bound
            # They do stand in the middle of frames: the bound is put to the test.
            assert max(held) > bound_bytes(options, {form: 0}, factor)
        until(lambda: pool.ask("listeners") == 0, "every reader has left")
        assert pool.ask("heap_bytes") - heap <= bound_bytes(options, {form: 0}, factor)
