# SPDX-License-Identifier: MIT
"""Plays the worked sessions of docs/protocol.md against a server: what the page says is what a client sees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import mempool
from clients import TEXT, EventStream, Http, WebSocket, frame

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
SESSION = re.compile(r"<!-- session: (\w+)=(\d+) -->\n```\n(.*?)```", re.S)
SESSIONS = SESSION.findall(PAGE.read_text())
WRITTEN_EPOCH = "k3v9"
EPOCH = re.compile(r'"epoch":"([a-z0-9]+)"|^id: ([a-z0-9]+):', re.M)
TIME = re.compile(r'"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)"')
WAIT_MS = re.compile(r'((?:"reconnect_in_ms":|retry: ))(\d+)')
ANSWERS = ("accepted", "refused", "outcome", "error")


def only_payments(batch: mempool.TxBatch) -> None:
    """What the page's host does."""
    for tx in batch:
        if not tx.data.startswith(b"pay"):
            tx.reject("unknown verb")


def steps(script: str) -> list[tuple[str, str]]:
    """What is done, and with what; lines of the server's that follow each other are one step, an HTTP answer belongs to its request."""
    found: list[tuple[str, str]] = []
    for line in script.splitlines():
        what, _, rest = line.partition(" ")
        if what == "=" or (what == "<" and found[-1][0] == "<"):
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{rest.strip()}")
        else:
            found.append((what, rest.strip()))
    return found


class Player:
    """Does the page's lines, one by one."""

    def __init__(self, pool: mempool.Pool, script: str) -> None:
        self.pool = pool
        self.port = int(pool.port)
        self.script = script
        self.epoch = WRITTEN_EPOCH  # until the server says the real one
        self.client: WebSocket | EventStream | None = None
        self.compared = 0
        self.times = TIME.findall(script)  # that the page shows and were not met yet

    # ---- what a line may be ----

    def connect(self, target: str) -> None:
        assert self.client is None
        self.client = WebSocket(self.port, target.replace(WRITTEN_EPOCH, self.epoch))

    def listen(self, asked: str) -> None:
        assert self.client is None
        target, *headers = re.split(" {2,}", asked.replace(WRITTEN_EPOCH, self.epoch))
        self.client = EventStream(self.port, target, *headers)

    def disconnect(self, _: str = "") -> None:
        assert self.client is not None
        self.close()

    def say(self, said: str) -> None:
        assert isinstance(self.client, WebSocket)
        self.client.send(frame(TEXT, said.encode()))

    def post(self, asked: str) -> None:
        """Without an answer on the page it is made sure of: the next line comes after its outcome."""
        request, _, written = asked.partition("\n")
        target, *parts = re.split(" {2,}", request)
        headers = [part for part in parts if re.match(r"[\w-]+: ", part)]
        body = parts[-1].replace("\\n", "\n").encode()
        with Http(self.port) as http:
            answer = http.ask("POST", target if written else f"{target}?wait=60", body, *headers)
        if written:
            self.answered(answer.status, answer.body.decode(), written)
        else:
            assert answer.status == 200

    def get(self, asked: str) -> None:
        if asked.startswith("/events/"):
            return self.listen(asked)
        target, _, written = asked.partition("\n")
        with Http(self.port) as http:
            answer = http.ask("GET", target)
        return self.answered(answer.status, answer.body.decode(), written)

    def hear(self, written: str) -> None:
        if isinstance(self.client, EventStream):
            return self.hear_blocks(written)
        assert self.client is not None
        lines = written.split("\n")
        said = [self.in_page_words(self.client.text()) for _ in lines]
        # Answers stand in no order to the events.
        for private in (True, False):
            mine, theirs = ([line for line in each if (json.loads(line)["type"] in ANSWERS) == private] for each in (said, lines))
            assert mine == theirs
        self.compared += len(lines)

    def hear_blocks(self, written: str) -> None:
        assert isinstance(self.client, EventStream)
        *blocks, rest = f"{written}\n".split("\n\n")
        assert rest == "", "a block ends with an empty line"
        for block in blocks:
            assert self.in_page_words(self.client.raw()) == block
            self.compared += len(block.split("\n")) + 1

    def stop(self, _: str) -> None:
        self.pool.request_stop()

    def closed(self, code: str) -> None:
        assert isinstance(self.client, WebSocket)
        assert self.client.close_code() == int(code)
        self.close()

    def end(self, _: str) -> None:
        assert isinstance(self.client, EventStream)
        assert self.client.rest() == b""
        self.close()

    # ---- how it is done ----

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.client = None

    def answered(self, status: int, body: str, written: str) -> None:
        assert f"{status} {body}" == written
        self.compared += 1

    def in_page_words(self, said: str) -> str:
        """With the page's epoch, its time and its time to wait, where the server's are such."""
        if found := EPOCH.search(said):
            self.epoch = found[1] or found[2]
            said = said.replace(self.epoch, WRITTEN_EPOCH)
        said = TIME.sub(lambda _: f'"time":"{self.times.pop(0)}"', said)
        return WAIT_MS.sub(lambda found: found[1] + ("2500" if 500 <= int(found[2]) <= 5000 else found[2]), said)

    def play(self) -> None:
        do: dict[str, Callable[[str], Any]] = {
            "connect": self.connect, "disconnect": self.disconnect, "POST": self.post, "GET": self.get, "<": self.hear, ">": self.say,
            "stop": self.stop, "closed": self.closed, "end": self.end,
        }  # fmt: skip
        for what, rest in steps(self.script):
            do[what](rest)


def play(open_pool: Callable[..., mempool.Pool], session: tuple[str, str, str]) -> Player:
    option, value, script = session
    pool = open_pool(only_payments, listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0, **{option: int(value)})
    with closing(Player(pool, script)) as player:
        player.play()
    return player


@pytest.mark.parametrize("session", SESSIONS, ids=["resume", "events", "submit", "submit over the WebSocket"])
def test_the_worked_session_is_what_a_client_sees(open_pool: Callable[..., mempool.Pool], session: tuple[str, str, str]) -> None:
    """Each line is done or compared; one of another kind is a KeyError."""
    player = play(open_pool, session)
    assert player.compared == len(re.findall("^[<=]", session[2], re.M)) >= 6
    assert player.times == []


@pytest.mark.parametrize(
    ("session", "was", "now"),
    [
        (0, '"missed":1', '"missed":2'),
        (0, '"time":"2026-01-31T12:00:00.123456Z"', '"time":"2026-01-31"'),
        (1, "id: k3v9:2", "id: k3v9:3"),
        (1, "retry: 2500", "retry: 250"),
        (2, '=  202 {"ids":["1","2"]', '=  202 {"ids":["1","3"]'),
        (2, "=  415", "=  400"),
        (3, '"outcome","ref":"a2"', '"outcome","ref":"a3"'),
        (3, "closed  1001", "closed  1000"),
    ],
)
def test_a_wrong_page_is_found(open_pool: Callable[..., mempool.Pool], session: int, was: str, now: str) -> None:
    """With one word of a session changed it is not what a client sees."""
    option, value, script = SESSIONS[session]
    assert was in script
    with pytest.raises((AssertionError, IndexError)):
        play(open_pool, (option, value, script.replace(was, now, 1)))


def test_every_block_of_the_page_that_looks_like_a_session_is_played() -> None:
    """A fence whose lines are marked has its comment above it."""
    fences = re.findall(r"^```\w*\n(.*?)^```", PAGE.read_text(), re.S | re.M)
    assert [script for *_, script in SESSIONS] == [fence for fence in fences if re.search("^[<>=] ", fence, re.M)]
