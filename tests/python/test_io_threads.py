# SPDX-License-Identifier: MIT
"""A pool with several network threads, from outside: what its clients hear, and that its counters are exact."""

from __future__ import annotations

import re

from clients import Http, PoolProcess, until
from fan import Fan, Seat
from measures import threads

CLIENTS = 2_000
EVENTS = 300
SIZE = 2_000
FORMS = ("text", "json", "sse text", "sse json")


class Heard:
    """By each seat: how many events it heard, and how many it was told it missed."""

    def __init__(self) -> None:
        self.sent: dict[Seat, int] = {}
        self.missed: dict[Seat, int] = {}

    def hear(self, seat: Seat, payload: bytes) -> None:
        if lagged := re.fullmatch(rb"lagged (\d+)", payload):
            self.missed[seat] = self.missed.get(seat, 0) + int(lagged[1])
            return
        number = int(payload.split(b" ", 1)[0])
        self.sent[seat] = self.sent.get(seat, 0) + 1
        # In order, and what it missed until here it has been told before.
        assert number == self.sent[seat] + self.missed.get(seat, 0), number

    def through(self, seat: Seat) -> int:
        return self.sent.get(seat, 0) + self.missed.get(seat, 0)


def test_a_fan_of_2000_over_two_threads() -> None:
    """2,000 clients in four formats on two network threads, which fall behind a ring of 32 events: each is sent or misses every one of 300
    events, in order, and the counters of both threads together say exactly that."""
    heard = Heard()
    with PoolProcess(io_threads=2, ring_capacity=32, unsent_max_bytes=4096) as pool:
        assert threads(pool.pid) >= 4  # Python's, the batch thread, two of the network
        with Fan(pool.port, CLIENTS, heard.hear, receive_buffer=4096, forms=FORMS) as fan:
            stats = pool.ask("stats")
            assert [stats[f"clients_{form.replace(' ', '_')}"] for form in FORMS] == [CLIENTS // 4] * 4
            assert stats["connections"] == CLIENTS
            assert pool.ask("publish_many", 1, EVENTS, SIZE) == CLIENTS
            fan.run(lambda: all(heard.through(seat) >= EVENTS for seat in fan.seats), "each hears or misses every event")
            assert {heard.through(seat) for seat in fan.seats} == {EVENTS}
            sent, missed = sum(heard.sent.values()), sum(heard.missed.values())
            assert missed > 0, "nobody fell behind: the test shows less than it means to"
            # What was sent is counted a moment after it can be read.
            until(lambda: pool.ask("stats")["events_sent"] == sent, "every event sent is counted")
            stats = pool.ask("stats")
            assert (stats["events_sent"], stats["events_missed"]) == (sent, missed)
            with Http(pool.port) as http:  # whichever thread answers
                told = http.ask("GET", "/stats").json
                assert (told["events_sent"], told["events_missed"]) == (sent, missed)
        until(lambda: pool.ask("stats")["connections"] == 0, "every client has left")
