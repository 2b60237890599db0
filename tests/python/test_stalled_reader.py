# SPDX-License-Identifier: MIT
"""A client that stops reading in the middle of a frame, and comes back three turns of the ring later."""

from __future__ import annotations

import re

from clients import PING, PONG, TEXT, PoolProcess, WebSocket, frame
from latency import Comparison, Watch

RING = 100
SIZE = 4096
EVENTS = 3 * RING + 10
PING_EVERY = 20  # looks of the watch

SEGMENT_BYTES = 64 * 1024  # the steps in which a lane grows and shrinks
SEAT_BYTES = 1024
FRAME_HEAD_BYTES = 14


class Stalled:
    """The client. It reads half of its first frame, then only sends pings."""

    def __init__(self, port: int) -> None:
        self.socket = WebSocket(port, receive_buffer=4096)
        self._looks = 0
        self._pings = 0

    def look(self) -> None:
        if self._looks == 0:
            self.socket.read(SIZE // 2)
        self._looks += 1
        if self._looks % PING_EVERY == 0:
            self.ping()

    def ping(self) -> None:
        self.socket.send(frame(PING, b"%d" % self._pings))
        self._pings += 1

    def read_on(self, first: int, last: int) -> int:
        """Every event from first to last comes whole and in order, or is in a `lagged N` at its place; gives the number missed. Pongs are
        of pings that were sent, in order; the newest is answered."""
        self.ping()
        expected, missed, answered = first, 0, -1
        while expected <= last or answered < self._pings - 1:
            got = self.socket.next()
            assert got.fin
            assert got.opcode in (TEXT, PONG)
            if got.opcode == PONG:
                assert answered < int(got.payload) < self._pings
                answered = int(got.payload)
            elif lagged := re.fullmatch(rb"lagged (\d+)", got.payload):
                missed += int(lagged[1])
                expected += int(lagged[1])
            else:
                assert re.fullmatch(rb"%d \d+ \.+" % expected, got.payload), (expected, got.payload[:100])
                assert len(got.payload) == SIZE
                expected += 1
        assert expected == last + 1
        return missed


def test_three_turns_of_the_ring_behind() -> None:
    """It then hears whole frames only, is told exactly what it missed, and gets its pongs between frames; meanwhile the others hear as
    fast as before and the server's memory is flat."""
    missed: list[int] = []
    grown: list[int] = []
    with PoolProcess(ring_capacity=RING) as pool, Watch(pool, events=EVENTS, size=SIZE, interval_ms=2) as watch:

        def loaded() -> float:
            heap = pool.ask("heap_bytes")  # of a full ring: a quiet run was before
            first = watch.last + 1
            stalled = Stalled(pool.port)
            with stalled.socket:
                p99_ms = watch.run(stalled.look)
                grown.append(pool.ask("heap_bytes") - heap)
                missed.append(stalled.read_on(first, watch.last))
            return p99_ms

        latency = Comparison(watch, watch.run, loaded)
    print(f"\nstalled for {EVENTS} events of {SIZE} B, a ring of {RING}: missed {missed}; memory {grown} B more; {latency}")
    assert min(missed) > 0
    assert latency.within_bound(), str(latency)
    assert max(grown) <= SEGMENT_BYTES + SEAT_BYTES + SIZE + FRAME_HEAD_BYTES
