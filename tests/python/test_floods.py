# SPDX-License-Identifier: MIT
"""Clients that send far more than they should, while others listen (bad-inputs.md 25, 26, 27)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clients import Lines, PoolProcess, end
from latency import Comparison, Watch

EVENTS = 150
KIB = 1024
OPTIONS: dict[str, int | str] = {"ring_capacity": 64, "deflate": "on"}
# The first that compresses brings the deflater, its lane and the inflater, and a message of 64 KiB is being inflated.
GROWN_BYTES = {"pings": 256 * KIB, "continuations": 256 * KIB, "bombs": (256 + 264 + 40 + 80) * KIB}
LEAST = {"pings": 100_000, "continuations": 100_000, "bombs": 1000}


class Flood:
    """flooder.py, from begin to end of the `with`."""

    def __init__(self, port: int, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("flooder.py")), str(port), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines = Lines(self.process)
        self.sent = 0
        self.codes: list[int | None] = []

    def __enter__(self) -> Flood:
        assert self._lines.next() == "begun"
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
            told = json.loads(self._lines.next())
            self.sent, self.codes = told["sent"], told["codes"]
        finally:
            end(self.process)


@pytest.mark.parametrize("kind", list(LEAST))
def test_a_flood(kind: str) -> None:
    """Memory does not grow with what is sent: a message of 200,000 empty fragments is refused with 1008 each time, and the others hear as
    fast as before; of compressed messages of 64 KiB in 80 bytes each, a bounded part is inflated a turn; of a flood of pings whose pongs are
    not read, the newest is kept and no more."""
    sent = 0
    codes: list[int | None] = []
    grown: list[int] = []
    # The flooder takes processor time from everybody here: in a quiet run it floods another server, so that only what this one does differs.
    with PoolProcess(**OPTIONS) as pool, PoolProcess(**OPTIONS) as elsewhere:
        with Watch(pool, events=EVENTS, size=128, interval_ms=4) as watch:

            def quiet() -> float:
                with Flood(elsewhere.port, kind):
                    return watch.run()

            def loaded() -> float:
                nonlocal sent
                heap = pool.ask("heap_bytes")
                with Flood(pool.port, kind) as flood:
                    p99_ms = watch.run()
                    grown.append(pool.ask("heap_bytes") - heap)
                sent += flood.sent
                codes.extend(flood.codes)
                return p99_ms

            latency = Comparison(watch, quiet, loaded)
    ended = {str(code): codes.count(code) for code in codes}
    print(f"\n{sent} {kind}, connections ended by the server: {ended or 'none'}; memory {grown} B more while they came; {latency}")
    assert sent > LEAST[kind]
    assert max(grown) <= GROWN_BYTES[kind]
    if kind == "continuations":
        assert set(codes) == {1008}
    # Inflating takes a whole processor as long as it comes, and a thread that does so is one that the kernel lets wait for a tick (4 ms).
    if kind == "continuations":
        assert latency.within_bound(), str(latency)
