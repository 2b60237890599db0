# SPDX-License-Identifier: MIT
"""Plays the worked session of docs/protocol.md against a server: what the page says is what a client sees."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import mempool
from clients import Http, WebSocket

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
SESSION = re.compile(r"<!-- session: (\w+)=(\d+) -->\n```\n(.*?)```", re.S)
WRITTEN_EPOCH = "k3v9"


def only_payments(batch: mempool.TxBatch) -> None:
    """What the page's host does."""
    for tx in batch:
        if not tx.data.startswith(b"pay"):
            tx.reject("unknown verb")


class Player:
    """Does the page's lines, one by one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.epoch = WRITTEN_EPOCH  # until the first hello says the real one
        self.client: WebSocket | None = None
        self.compared = 0
        self.times: list[str] = []  # that the page shows and were not met yet

    def connect(self, target: str) -> None:
        assert self.client is None
        self.client = WebSocket(self.port, target.replace(WRITTEN_EPOCH, self.epoch))

    def disconnect(self, _: str = "") -> None:
        assert self.client is not None
        self.close()

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.client = None

    def post(self, rest: str) -> None:
        path, _, body = rest.partition(" ")
        with Http(self.port) as http:
            assert http.ask("POST", path + "?wait=60", body.strip().encode()).status == 200

    def compare(self, written: str) -> None:
        assert self.client is not None
        said = self.client.text()
        if self.compared == 0:
            self.epoch = json.loads(said)["epoch"]
        assert self.in_page_words(said) == list(json.loads(written, object_pairs_hook=list)), written
        self.compared += 1

    def in_page_words(self, said: str) -> Any:
        """Members in their order, with the page's epoch, and its time where the server's is one."""
        words = json.loads(said.replace(self.epoch, WRITTEN_EPOCH), object_pairs_hook=list)
        time = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
        return [(name, self.times.pop(0) if name == "time" and time.fullmatch(value) else value) for name, value in words]

    def play(self, script: str) -> None:
        self.times = re.findall('"time":"([^"]+)"', script)
        steps = {"connect": self.connect, "disconnect": self.disconnect, "POST": self.post, "<": self.compare}
        for line in script.splitlines():
            what, _, rest = line.partition(" ")
            steps[what](rest.strip())


def test_the_worked_session_is_what_a_client_sees(open_pool: Callable[..., mempool.Pool]) -> None:
    """Each line is done or compared; one of another kind is a KeyError."""
    ((option, value, script),) = SESSION.findall(PAGE.read_text())
    pool = open_pool(
        only_payments, listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0, **{option: int(value)}
    )
    with closing(Player(pool.port)) as player:
        player.play(script)
    assert player.compared == script.count("\n<") >= 8
