# SPDX-License-Identifier: MIT
"""flooder.py PORT KIND: one client after another that floods a server, until it reads a line. Prints a line when it begins, and at
the end, as JSON, how many frames it sent and how each connection but the last ended: a close code, or null without one.

    pings           pings of the largest size, and not one pong is read
    continuations   200,000 empty continuations of one message; then it reads until the server's end
    bombs           compressed messages of 64 KiB, of some 80 bytes each
"""

from __future__ import annotations

import json
import os
import sys
import threading

from clients import PING, TEXT, WebSocket, deflated, frame

CONTINUATION = 0x0
EMPTY_FRAGMENTS = 200_000
PINGS_AT_ONCE = 1000
BOMBS_AT_ONCE = 50
STALLED_S = 0.5  # a server that reads no more: then this client gives up


def flood_with_pings(client: WebSocket, over: threading.Event) -> int:
    """Sends until the server ends the connection, or it is over."""
    pings = frame(PING, b"p" * 125) * PINGS_AT_ONCE
    client.socket.settimeout(STALLED_S)
    sent = 0
    try:
        while not over.is_set():
            client.send(pings)
            sent += PINGS_AT_ONCE
    except (TimeoutError, OSError):
        pass
    return sent


def flood_with_continuations(client: WebSocket, _: threading.Event) -> int:
    try:
        client.send(frame(TEXT, b"x", fin=False) + frame(CONTINUATION, fin=False) * EMPTY_FRAGMENTS)
    except OSError:  # it need not take them all
        pass
    return EMPTY_FRAGMENTS


def flood_with_bombs(client: WebSocket, over: threading.Event) -> int:
    assert client.deflate
    bombs = frame(TEXT, deflated(b"x" * 65536), rsv=4) * BOMBS_AT_ONCE
    sent = 0
    while not over.is_set():
        client.send(bombs)
        sent += BOMBS_AT_ONCE
    return sent


def main() -> None:
    port, kind = int(sys.argv[1]), sys.argv[2]
    flood = {"pings": flood_with_pings, "continuations": flood_with_continuations, "bombs": flood_with_bombs}[kind]
    os.nice(19)  # what the others notice shall be the server's doing, not that two processors are few
    offers = ["Sec-WebSocket-Extensions: permessage-deflate"] if kind == "bombs" else []
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.readline()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    sent = 0
    codes: list[int | None] = []
    print("begun", flush=True)
    while not over.is_set():
        with WebSocket(port, "/ws/mempool", *offers, receive_buffer=4096 if kind == "pings" else 0) as client:
            sent += flood(client, over)
            if not over.is_set() or kind == "continuations":
                try:
                    codes.append(client.close_code())
                except (OSError, EOFError):
                    codes.append(None)
    print(json.dumps({"sent": sent, "codes": codes}), flush=True)


main()
