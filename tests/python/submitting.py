# SPDX-License-Identifier: MIT
"""A JSON client of the stream that submits: what it says, and what is said to it, apart from the events. One thread."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from clients import LIMIT_S, TEXT, Frame, WebSocket, frame

OF_THE_STREAM = {"batch", "message", "lagged", "reset"}


def tx(**members: object) -> bytes:
    """The message by which a transaction is submitted."""
    return json.dumps({"type": "tx", **members}).encode()


class Submitter(WebSocket):
    """After its hello. What it hears of the stream while it waits for an answer is in `events`."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        super().__init__(port, "/ws/mempool?format=json", receive_buffer=receive_buffer)
        self.events: list[Any] = []
        hello = json.loads(self.text())
        assert hello["type"] == "hello", hello
        self.offset: int = hello["offset"]  # the stream begins behind it

    def submit(self, **members: object) -> None:
        self.send(frame(TEXT, tx(**members)))

    def asked(self, **members: object) -> Any:
        """Submits; its answer."""
        self.submit(**members)
        return self.told()

    def next_private(self) -> Frame:
        """The next frame that is no event."""
        while (got := self.next()).opcode == TEXT:
            said = json.loads(got.payload)
            if said["type"] not in OF_THE_STREAM:
                break
            self.events.append(said)
        return got

    def told(self) -> Any:
        """The next message that is said to this client alone."""
        got = self.next_private()
        assert got.opcode == TEXT and got.fin, got
        return json.loads(got.payload)

    def until(self, kind: str) -> Any:
        """Reads on until an answer of that kind."""
        while (said := self.told())["type"] != kind:
            pass
        return said

    def event(self) -> Any:
        """The next event; no answer may come before it."""
        said = json.loads(self.text())
        assert said["type"] in OF_THE_STREAM, said
        self.events.append(said)
        return said

    def hear(self, condition: Callable[[], bool]) -> None:
        """Events until the condition holds."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end
            self.event()

    def offsets(self) -> list[int]:
        """Of the events heard so far."""
        return [event["offset"] for event in self.events]

    def vanish(self) -> None:
        """Ends with a reset, as a client that was killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
