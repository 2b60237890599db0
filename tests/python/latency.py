# SPDX-License-Identifier: MIT
"""How long events take to clients that read, while nothing else happens and while somebody misbehaves; the bound is bad-inputs.md's. Quiet
and loaded runs take turns, so that what else this machine does falls on both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from clients import PoolProcess
from fan import Fan, Seat

LISTENERS = 8
RUNS = 5
WITHIN_S = 60.0
FLOOR_MS = 5.0


class Watch:
    """Listeners that stamp what they hear, and the publisher that they hear. Events are numbered through all runs."""

    def __init__(
        self,
        pool: PoolProcess,
        *,
        events: int,
        size: int,
        interval_ms: float,
        listeners: int = LISTENERS,
        forms: Sequence[str] = ("text",),
    ) -> None:
        self.pool = pool
        self.listeners = listeners
        self.events, self.size, self.interval_ms = events, size, interval_ms
        self.last = 0  # number of the newest event
        self._waits_ms: list[float] = []
        self._fan = Fan(pool.port, listeners, self._hear, forms=forms)

    def _hear(self, seat: Seat, payload: bytes) -> None:
        now = time.monotonic_ns()
        number, stamp, _ = payload.split(b" ", 2)
        seat.heard.append(number.decode())
        self._waits_ms.append((now - int(stamp)) / 1e6)

    def run(self, meanwhile: Callable[[], object] = lambda: None) -> float:
        """Publishes one run's events, every listener hears them all; the p99 of how long each took to each. `meanwhile` is called
        again and again; it must not wait."""
        first, self.last = self.last + 1, self.last + self.events
        self._waits_ms.clear()
        self.pool.tell("publish_paced", first, self.last, self.size, self.interval_ms)

        def all_heard() -> bool:
            meanwhile()
            return len(self._waits_ms) == self.events * self.listeners

        self._fan.run(all_heard, "every listener hears every event", WITHIN_S)
        self.pool.told()
        expected = [str(number) for number in range(first, self.last + 1)]
        for seat in self._fan.seats:
            assert seat.heard == expected
            seat.heard.clear()
        return statistics.quantiles(self._waits_ms, n=100)[98]

    def __str__(self) -> str:
        return f"{self.events} events to {self.listeners} others"

    def close(self) -> None:
        self._fan.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Comparison:
    """A quiet run and a loaded one, RUNS times in turn, each giving its p99; the medians of them. what: of which events, to whom."""

    def __init__(self, what: object, quiet: Callable[[], float], loaded: Callable[[], float]) -> None:
        quiet_ms, loaded_ms = [], []
        for _ in range(RUNS):
            quiet_ms.append(quiet())
            loaded_ms.append(loaded())
        self.quiet_ms, self.loaded_ms = statistics.median(quiet_ms), statistics.median(loaded_ms)
        self._text = (
            f"p99 of {what}, median of {RUNS} runs: quiet {self.quiet_ms:.2f} ms "
            f"({', '.join(f'{each:.2f}' for each in quiet_ms)}), loaded {self.loaded_ms:.2f} ms "
            f"({', '.join(f'{each:.2f}' for each in loaded_ms)})"
        )

    def __str__(self) -> str:
        return self._text

    def within_bound(self) -> bool:
        return self.loaded_ms <= max(2 * self.quiet_ms, FLOOR_MS)
