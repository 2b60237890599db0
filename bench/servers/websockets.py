# SPDX-License-Identifier: MIT
"""A peer of the benchmark (bench/README.md): Python and the package websockets (tried: 17.4 on Python 3.11), as its users write a
server of this kind.

    python3 websockets.py [--uvloop] [--deflate]

Events: `websockets.broadcast`, which its docs name for one message to many clients. It has no channel between them: what a slow client
does not take waits in its transport's memory, without a limit. The settings are those that its docs give for speed: no compression (a
context for each client costs memory and time; `--deflate` turns it on with the package's own settings), and uvloop with `--uvloop` where
it is installed. No keepalive pings, which the other peers do not send either. TCP_NODELAY is asyncio's default.
Transactions: unsupported. The package serves GET only, so it refuses POST /tx by itself.
One thread.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from http import HTTPStatus
from pathlib import Path

# A script's folder comes first on the path, where this file would hide the package that it is about.
sys.path[:] = [each for each in sys.path if Path(each or ".").resolve() != Path(__file__).resolve().parent]

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

connections: set[ServerConnection] = set()


async def listen(connection: ServerConnection) -> None:
    connections.add(connection)
    try:
        async for _ in connection:
            pass  # what a client says is of no interest here
    finally:
        connections.discard(connection)


def route(connection: ServerConnection, request: Request) -> Response | None:
    if request.path.partition("?")[0] != "/ws/mempool":
        return connection.respond(HTTPStatus.NOT_FOUND, "not here\n")
    return None


# ---- what the driver asks for on standard input, a command a line, each after the other; its end is ours ----


def event(number: int, size: int) -> str:
    """Its number, and filler up to `size` bytes."""
    return f"e{number:012d} ".ljust(size, chr(ord("a") + number % 26))


async def flood(seconds: float, size: int, first: int) -> int:
    end = time.monotonic() + seconds
    number = first
    while time.monotonic() < end:
        for number in range(number, number + 16):
            broadcast(connections, event(number, size))
        number += 1
        await asyncio.sleep(0)  # the event loop's turn
    return number - first


async def answer(words: list[str]) -> str:
    verb, amount, size, first = words
    if verb == "publish":
        for number in range(int(first), int(first) + int(amount)):
            broadcast(connections, event(number, int(size)))
        return f"published {amount}"
    if verb == "flood":
        return f"flooded {await flood(float(amount), int(size), int(first))}"
    raise ValueError(verb)


async def obey() -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        try:
            print(await answer(line.decode().split()), flush=True)
        except ValueError:
            print("unsupported", flush=True)


async def main() -> None:
    compression = "deflate" if "--deflate" in sys.argv[1:] else None
    server = await serve(listen, "127.0.0.1", 0, process_request=route, compression=compression, ping_interval=None, backlog=4096)
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    await obey()  # and no closing handshakes: the run is over


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    if "--uvloop" in sys.argv[1:]:
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())
