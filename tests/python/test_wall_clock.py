# SPDX-License-Identifier: MIT
"""A wall clock that jumps by an hour while a pool serves (bad-inputs.md 40): only the time in the events notices."""

from __future__ import annotations

import json
import select
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from clients import TEXT, Http, PoolProcess, WebSocket
from compiled import compile_library
from fan import Fan
from formats import FORMATS

HOUR_S = 3600
HEADER_S = 1.0
SLACK_S = 10.0  # this machine's; an hour is far from it


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S], ids=["ahead", "back"])
def test_a_jump_of_the_wall_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, jump_s: int) -> None:
    """Deadlines, ticks, pings and waits go on as they were: nobody is cut who answers, nothing waits for an hour."""
    offset = tmp_path / "offset"
    offset.write_bytes((0).to_bytes(8, "little"))
    monkeypatch.setenv("WALL_CLOCK_OFFSET", str(offset))
    monkeypatch.setenv("LD_PRELOAD", compile_library(Path(__file__).with_name("wall_clock.c"), tmp_path))
    options = {"header_timeout_ms": int(HEADER_S * 1000), "ping_interval_ms": 200, "pong_timeout_ms": int(SLACK_S * 1000)}
    with PoolProcess(**options) as pool:
        heard: list[bytes] = []
        with (
            WebSocket(pool.port, "/ws/mempool?format=json") as told,
            Fan(pool.port, 8, lambda _, payload: heard.append(payload), forms=FORMATS) as fan,
            Http(pool.port) as slow,
            Http(pool.port) as waits,
        ):

            def ahead_s() -> float:
                """By how much the next event's time is ahead of this process's."""
                while (got := told.next()).opcode != TEXT or (said := json.loads(got.payload))["type"] == "hello":
                    pass
                time_of = datetime.fromisoformat(said["time"].replace("Z", "+00:00"))
                return (time_of - datetime.now(timezone.utc)).total_seconds()

            pool.ask("publish", "before")
            assert abs(ahead_s()) < SLACK_S
            start = time.monotonic()
            slow.send(b"GET /healthz HTTP/1.1\r\nHost: lo")
            with offset.open("r+b") as file:
                file.write(jump_s.to_bytes(8, "little", signed=True))
            pool.ask("publish", "after")
            assert abs(ahead_s() - jump_s) < SLACK_S

            applied = waits.ask("POST", "/tx?wait=20", b"pay alice bob 5")
            assert (applied.status, applied.json["status"]) == (200, "applied")
            assert time.monotonic() - start < SLACK_S
            # They are pinged meanwhile, again and again, and answer.
            fan.run(lambda: select.select([slow.socket], [], [], 0)[0], "who sends half a header is answered")
            assert HEADER_S <= time.monotonic() - start < HEADER_S + SLACK_S
            assert slow.answer().status == 408
            heard.clear()
            assert pool.ask("publish", "still here") == 9
            fan.run(lambda: heard == [b"still here"] * 8, "who answers its pings hears on")
