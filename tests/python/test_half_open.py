# SPDX-License-Identifier: MIT
"""1,000 clients of every format; among them 100 that have stopped reading and 100 whose machine is gone (bad-inputs.md 28)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from clients import Lines, PoolProcess, end, until
from fan import Fan
from formats import FORMATS
from half_open import cut_off
from latency import Comparison, Watch
from memory import KIB, bound_bytes

STALLED, HALF_OPEN, WATCHERS = 100, 100, 16
OTHERS = 1000 - STALLED - HALF_OPEN - WATCHERS
REST, IDLE = 8, 20

SIZE = 4 * KIB
EVENTS, INTERVAL_MS = 60, 25.0
OPTIONS = {
    "message_max_bytes": SIZE,
    "ring_capacity": 64,
    "ring_bytes": 64 * SIZE,
    "lane_bytes": 128 * KIB,
    "unsent_max_bytes": 16 * KIB,
}


class Crowd:
    """crowd.py, from begin to end of the `with`."""

    def __init__(self, port: int, size: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crowd.py")), str(port), str(size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines = Lines(self.process)

    def leave(self) -> dict[str, int]:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return dict(json.loads(self._lines.next()))

    def __enter__(self) -> Crowd:
        assert self._lines.next() == "there"
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)


def of_each(clients: int) -> dict[str, int]:
    return {form: clients // len(FORMATS) + 1 for form in FORMATS}


def test_a_fifth_of_a_thousand_stalled_or_half_open() -> None:
    """The other 800 hear as fast as without them, and the server stays within its bound of memory."""
    held: list[int] = []
    with PoolProcess(**OPTIONS) as pool:
        pool.ask("publish_many", 0, 0, 1)
        heap = pool.ask("heap_bytes")
        with Crowd(pool.port, OTHERS) as crowd:

            def run() -> float:
                # They come last, so that whoever misbehaves is before them in every sweep.
                with Watch(pool, events=EVENTS, size=SIZE, interval_ms=INTERVAL_MS, listeners=WATCHERS, forms=FORMATS) as watch:
                    return watch.run()

            def quiet() -> float:
                until(lambda: pool.ask("listeners") == OTHERS, "only those that read are there")
                return run()

            def loaded() -> float:
                with (
                    Fan(pool.port, STALLED, forms=FORMATS, receive_buffer=4 * KIB),
                    Fan(pool.port, HALF_OPEN, forms=FORMATS) as half_open,
                ):
                    for seat in half_open.seats:
                        cut_off(seat.socket)
                    p99_ms = run()
                    held.append(pool.ask("heap_bytes") - heap)
                    assert pool.ask("listeners") >= OTHERS + STALLED + HALF_OPEN  # not one was given up meanwhile
                    return p99_ms

            latency = Comparison(f"{EVENTS} events of {SIZE} B to {WATCHERS} of the other {OTHERS + WATCHERS}", quiet, loaded)
            told = crowd.leave()
    bound = bound_bytes(OPTIONS, of_each(1000))
    print(
        f"\n{STALLED} stalled and {HALF_OPEN} half-open among 1000 of four formats: at most {max(held) / 1e6:.2f} MB of malloc's, the bound is "
        f"{bound / 1e6:.2f} MB; {latency}"
    )
    assert told["ended"] == 0
    assert told["least"] > 0
    assert max(held) <= bound
    assert latency.within_bound(), str(latency)


def test_their_seats_are_freed() -> None:
    """Whose machine is gone goes when its ping was not answered, also where nothing is said; who stopped reading after stall_timeout_ms; with
    Server-Sent Events, where nobody can answer, TCP has waited as long. Who reads, stays."""
    options = {**OPTIONS, "ping_interval_ms": 400, "pong_timeout_ms": 1000, "stall_timeout_ms": 1500}
    with PoolProcess(**options) as pool:
        heard: list[bytes] = []
        with Fan(pool.port, REST, lambda _, payload: heard.append(payload), forms=FORMATS) as rest:

            def only_the_rest() -> None:
                rest.run(lambda: pool.ask("listeners") == REST, "only those that read are left")

            with Fan(pool.port, IDLE, forms=("text", "json")) as idle:
                for seat in idle.seats:
                    cut_off(seat.socket)
                only_the_rest()
                assert pool.ask("stats")["clients_closed_silent"] == IDLE
            with (
                Fan(pool.port, STALLED, forms=FORMATS, receive_buffer=4 * KIB),
                Fan(pool.port, HALF_OPEN, forms=FORMATS) as half_open,
            ):
                for seat in half_open.seats:
                    cut_off(seat.socket)
                pool.ask("publish_many", 1, 40, SIZE)  # more than the kernel takes for one that does not read
                only_the_rest()
            after = pool.ask("stats")
            pool.ask("publish", "to whom it may concern")
            rest.run(lambda: heard[-REST:] == [b"to whom it may concern"] * REST, "those that read hear on")
            assert not any(seat.ended for seat in rest.seats)
        gone = {name: after[name] for name in ("clients_closed_silent", "clients_closed_stalled", "clients_closed_slow")}
        print(f"\n{IDLE} idle and half-open, then {STALLED} stalled and {HALF_OPEN} half-open are given up: {gone}")
        assert gone["clients_closed_stalled"] >= STALLED
        assert gone["clients_closed_slow"] == 0
