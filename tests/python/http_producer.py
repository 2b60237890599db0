# SPDX-License-Identifier: MIT
"""http_producer.py PORT PRODUCER COUNT DEPTH: posts marked transactions (tests/stress/marked.h) over one keep-alive connection, DEPTH of
them in flight. Connects, prints a line, begins when it reads one; the last line says how many answers were 503. What was answered so is
posted again before the next, which keeps the order only where DEPTH is 1."""

from __future__ import annotations

import struct
import sys

from clients import Http


def main() -> None:
    port, producer, count, depth = map(int, sys.argv[1:])
    full = 0
    with Http(port) as http:
        print("connected", flush=True)
        sys.stdin.readline()
        for first in range(0, count, depth):
            numbers = range(first, min(first + depth, count))
            requests = [
                b"POST /tx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\n" + struct.pack("=II", producer, number)
                for number in numbers
            ]
            http.send(b"".join(requests))
            for request in requests:
                while (answer := http.answer()).status != 202:
                    assert (answer.status, answer.json["error"], depth) == (503, "full", 1), answer
                    full += 1
                    http.send(request)
    print(full)


main()
