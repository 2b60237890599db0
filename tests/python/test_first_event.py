# SPDX-License-Identifier: MIT
"""From when on a client hears: from its 101."""

from __future__ import annotations

import socket
import struct
import time

import mempool
from clients import LIMIT_S, TEXT, handshake, take_frames

CLIENTS = 10_000
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # so that 10,000 connections leave no port in TIME_WAIT


def read_until(client: socket.socket, read: bytes, mark: bytes) -> bytes:
    while mark not in read:
        more = client.recv(4096)
        assert more, "the server ended the connection"
        read += more
    return read


def test_what_is_published_after_the_101_is_heard() -> None:
    """10,000 clients, one after another: each hears what is published as soon as it has read its 101, first of all and whole."""
    start = time.monotonic()
    with mempool.Pool(listen_port=0) as pool:
        for number in range(CLIENTS):
            text = f"event {number}"
            with socket.create_connection(("127.0.0.1", pool.port), timeout=LIMIT_S) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                client.sendall(handshake())
                head, _, rest = read_until(client, b"", b"\r\n\r\n").partition(b"\r\n\r\n")
                listeners = pool.publish(text)
                assert head.startswith(b"HTTP/1.1 101 ")
                assert listeners >= 1
                # Of those before it nothing is heard: they were published earlier.
                unread = bytearray(read_until(client, rest, text.encode()))
                assert [(got.opcode, got.payload.decode()) for got in take_frames(unread)] == [(TEXT, text)]
    print(f"\n{CLIENTS} clients heard what was published right after their 101, in {time.monotonic() - start:.2f} s")
