# SPDX-License-Identifier: MIT
"""The formats of the stream: how each is asked for, and what was heard, in the words of a text client."""

from __future__ import annotations

import json
from collections.abc import Iterator

from clients import handshake

FORMATS = ("text", "json", "sse text", "sse json")
DEFLATED = ("deflated text", "deflated json")  # where the option deflate is on


def is_sse(form: str) -> bool:
    return form.startswith("sse")


def is_deflated(form: str) -> bool:
    return form.startswith("deflated")


def is_json(form: str) -> bool:
    return form.endswith("json")


def request(form: str) -> bytes:
    """What opens a stream of that format."""
    query = "?format=json" if is_json(form) else ""
    if not is_sse(form):
        offers = ["Sec-WebSocket-Extensions: permessage-deflate"] if is_deflated(form) else []
        return handshake("/ws/mempool" + query, *offers)
    return f"GET /events/mempool{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def opened(form: str) -> bytes:
    """How its answer begins."""
    return b"HTTP/1.1 200 " if is_sse(form) else b"HTTP/1.1 101 "


def words(form: str, payload: bytes) -> bytes | None:
    """An event's payload as a text client hears it: what was published, or `lagged N`. None: it is the greeting."""
    if not is_json(form):
        return payload
    said = json.loads(payload)
    if said["type"] == "message":
        return str(said["data"]).encode()
    if said["type"] == "lagged":
        return b"lagged %d" % said["missed"]
    return None if said["type"] == "hello" else payload


def take_blocks(unread: bytearray) -> Iterator[bytes]:
    """The data of the whole blocks of a stream of Server-Sent Events at the front of what was read; they are taken off it. For the server's
    own order of fields, in which the data come last; clients.EventStream reads them all."""
    at = 0
    try:
        while (end := unread.find(b"\n\n", at)) >= 0:
            _, mark, data = bytes(unread[at:end]).partition(b"\ndata: ")
            at = end + 2
            if mark:
                yield data.replace(b"\ndata: ", b"\n")
    finally:
        del unread[:at]


def bytes_of(form: str, payload_bytes: int, factor: int = 1) -> int:
    """At most so many bytes on the wire for an event whose payload has that many. factor: how much of each the format makes; 1 where it
    has nothing to escape."""
    around = {"text": 14, "json": 200, "sse text": 100, "sse json": 300}  # frame, or fields; and the members
    return payload_bytes * factor + around[form.removeprefix("deflated ")]  # what gets no shorter is not compressed
