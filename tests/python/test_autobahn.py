# SPDX-License-Identifier: MIT
"""Autobahn's test suite of RFC 6455, run by kosoku against tests/echo: the WebSocket side that ships, with an inbox that echoes. kosoku does
not look at Sec-WebSocket-Accept: test_websocket.py does."""

from __future__ import annotations

import asyncio
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kosoku
import pytest

from clients import BINARY, LIMIT_S, TEXT, Frame, Lines, WebSocket, end, frame

RUN_WITHIN_S = 240.0

# 12 and 13 are about permessage-deflate, which is declined.
LEFT_OUT = ("12.*", "13.*")
CASES = {"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1}

# What is no plain OK, and why it is right. A case not named here has to be OK, and its close too.
NOT_PLAINLY_OK: dict[str, tuple[str, str]] = {}


@pytest.fixture
def echo(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of an echo server, which is asked to end, and ends well, after the test."""
    server = Path(request.config.rootpath, request.config.getoption("--build"), "tests", "echo_server")
    assert server.exists(), f"{server} was not built; `./dev test` builds it, or --build=FOLDER says where it is"
    process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield int(Lines(process).next())
        process.terminate()
        assert process.wait(LIMIT_S) == 0
    finally:
        end(process)


def test_the_echo_server_echoes(echo: int) -> None:
    """What a client says comes back as a frame of the same kind; to a JSON client too, behind its hello."""
    with WebSocket(echo) as client:
        client.send(frame(TEXT, b"\xc3\xa4") + frame(BINARY, b"\xff") + frame(TEXT, b"a", fin=False) + frame(0, b"b"))
        assert [client.next() for _ in range(3)] == [Frame(TEXT, b"\xc3\xa4"), Frame(BINARY, b"\xff"), Frame(TEXT, b"ab")]
    with WebSocket(echo, "/ws/mempool?format=json") as client:
        client.send(frame(TEXT, b'{"type":"tx","data":"a"}'))
        assert client.text().startswith('{"type":"hello"')
        assert client.text() == '{"type":"tx","data":"a"}'


async def run_cases(port: int) -> list[Any]:
    run = kosoku.run_fuzzingclient(f"ws://127.0.0.1:{port}/ws/mempool", exclude_cases=LEFT_OUT)
    try:
        return await asyncio.wait_for(run, RUN_WITHIN_S)
    except kosoku.FailureError as failed:
        return failed.results


def test_every_case_of_autobahn_passes(echo: int) -> None:
    """All 301 cases but those of sections 12 and 13 run, and what each sees, and how it is closed, is what its text asks for."""
    results = asyncio.run(run_cases(echo))
    took_ms = Counter[str]()
    for result in results:
        took_ms[result.case_id.split(".")[0]] += result.duration
    print(f"{len(results)} cases; ms by section: {dict(took_ms)}")

    wrong = []
    for result in results:
        verdict = (result.behavior.value, result.behavior_close.value)
        if verdict != NOT_PLAINLY_OK.get(result.case_id, ("OK", "OK")):
            wrong.append(f"{result.case_id} {verdict}: {result.result} {result.result_close} Wanted: {result.expectation}")
    assert wrong == []
    assert Counter(result.case_id.split(".")[0] for result in results) == CASES
