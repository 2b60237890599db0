# SPDX-License-Identifier: MIT
"""Clients that see every byte: HTTP/1.1 and WebSocket over a bare socket, and the lines of a process. Blocking, one thread each;
no wait is longer than LIMIT_S, and then it has failed."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

LIMIT_S = 20.0

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA


def until(condition: Callable[[], object], what: str, seconds: float = LIMIT_S) -> None:
    """Returns once the condition holds; an AssertionError that says what did not come after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)  # between two looks, not instead of one


def program(*names: str) -> str:
    """The path of the first of these programs that is beside this Python or in PATH."""
    for name in names:
        if found := shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name):
            return found
    raise AssertionError(f"{' or '.join(names)} was not found; `./dev test` installs what the tests need")


class Lines:
    """What a process prints, line by line."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self._fd = process.stdout.fileno()
        self._bytes = b""
        self.seen: list[str] = []

    def next(self, seconds: float = LIMIT_S) -> str:
        end = time.monotonic() + seconds
        while b"\n" not in self._bytes:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{self._process.args!r} printed no line in {seconds} s; before: {self.seen}"
            more = os.read(self._fd, 65536)
            assert more, f"{self._process.args!r} ended its output; before: {self.seen} {self._bytes!r}"
            self._bytes += more
        line, self._bytes = self._bytes.split(b"\n", 1)
        self.seen.append(line.decode())
        return self.seen[-1]

    def until(self, line: str) -> None:
        """Reads on until that line comes."""
        while self.next() != line:
            pass


def end(process: subprocess.Popen[Any]) -> None:
    """Ends a process that this test started, and waits for it."""
    process.kill()
    process.communicate(timeout=LIMIT_S)


class PoolProcess:
    """pool_process.py as a subprocess: one process with a pool, which does what it is asked."""

    def __init__(self, **options: int | str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pool_process.py")), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines = Lines(self.process)
        try:
            self.url: str = json.loads(self._lines.next())
        except BaseException:
            end(self.process)
            raise
        self.port = int(self.url.rsplit(":", 1)[1])
        self.pid = self.process.pid

    def ask(self, what: str, *arguments: object) -> Any:
        self.tell(what, *arguments)
        return self.told()

    def tell(self, what: str, *arguments: object) -> None:
        """Asks without waiting: told() has the answer, of several in their order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([what, *arguments]).encode() + b"\n")
        self.process.stdin.flush()

    def told(self) -> Any:
        return json.loads(self._lines.next())

    def __enter__(self) -> PoolProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Closes its standard input: it stops the pool and exits 0."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            assert self.process.wait(LIMIT_S) == 0
        finally:
            self.process.kill()
            self.process.wait(LIMIT_S)
            assert self.process.stdout is not None
            self.process.stdout.close()


Socket = socket.socket  # inside Connection `socket` is the attribute
_Connection = TypeVar("_Connection", bound="Connection")


class Connection:
    """A socket, closed at the end of `with`."""

    socket: Socket

    def close(self) -> None:
        self.socket.close()

    def __enter__(self: _Connection) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> bytes:
        """What comes next, not nothing; EOFError at the end."""
        more = self.socket.recv(65536)
        if not more:
            raise EOFError("the server ended the connection")
        return more


# ---- HTTP ----


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Http(Connection):
    """One connection. What is sent is what the test says, byte for byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        self._bytes = b""

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def ask(self, method: str, target: str, body: bytes | None = None, *headers: str, version: str = "1.1") -> Answer:
        lines = [f"{method} {target} HTTP/{version}", "Host: 127.0.0.1", *headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.answer(head=method == "HEAD")

    def answer(self, head: bool = False) -> Answer:
        """The next answer; a 1xx is one, without a body."""
        top, self._bytes = self._take_until(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        assert first.startswith("HTTP/1.1 "), first
        status = int(first.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if head or status < 200 else int(headers["content-length"])
        while len(self._bytes) < length:
            self._more()
        body, self._bytes = self._bytes[:length], self._bytes[length:]
        return Answer(status, headers, body)

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        while more := self.socket.recv(65536):
            self._bytes += more
        return self._bytes

    def _take_until(self, mark: bytes) -> tuple[bytes, bytes]:
        while mark not in self._bytes:
            self._more()
        head, rest = self._bytes.split(mark, 1)
        return head, rest

    def _more(self) -> None:
        self._bytes += self._receive()


# ---- Server-Sent Events ----


class Block(NamedTuple):
    """What lies before an empty line. Without data a browser dispatches nothing, but remembers the id."""

    id: str  # the last event id, as it stands behind this block
    event: str
    data: str | None
    retry_ms: int | None
    comments: list[str]


class EventStream(Connection):
    """A client of text/event-stream, by the algorithm of the HTML standard (9.2.6). It does not reconnect by itself."""

    def __init__(self, port: int, path: str = "/events/mempool", *headers: str, receive_buffer: int = 0, version: str = "1.1") -> None:
        self.socket = socket.socket()
        try:
            if receive_buffer:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(LIMIT_S)
            self.socket.connect(("127.0.0.1", port))
            lines = [f"GET {path} HTTP/{version}", "Host: 127.0.0.1", "Accept: text/event-stream", *headers]
            self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            self._unread = b""
            while b"\r\n\r\n" not in self._unread:
                self._more()
        except BaseException:
            self.socket.close()
            raise
        top, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *headed = top.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in headed)}
        self.last_id = ""

    def raw(self) -> str:
        """The next block as it is on the wire, up to its empty line; EOFError at the end of the stream."""
        while b"\n\n" not in self._unread:  # the server's own line end; CR would be one too
            self._more()
        raw, self._unread = self._unread.split(b"\n\n", 1)
        assert b"\r" not in raw
        return raw.decode()

    def next(self) -> Block:
        """The next block; EOFError at the end of the stream."""
        raw = self.raw()
        event, retry_ms = "", None
        data: list[str] = []
        comments: list[str] = []
        for line in raw.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "":
                comments.append(value)
            elif field == "data":
                data.append(value)
            elif field == "event":
                event = value
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                retry_ms = int(value)
            else:
                raise AssertionError(f"a field that is none: {line!r}")
        return Block(self.last_id, event, "\n".join(data) if data else None, retry_ms, comments)

    def event(self) -> Block:
        """The next block that a browser would dispatch."""
        while (block := self.next()).data is None:
            pass
        return block

    def begin(self) -> str:
        """The first block of a stream that goes on where it was asked to: its position."""
        block = self.next()
        assert block.data is None and not block.comments, block
        return block.id

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        try:
            while True:
                self._more()
        except EOFError:
            return self._unread

    def _more(self) -> None:
        self._unread += self._receive()


# ---- WebSocket ----


class Frame(NamedTuple):
    opcode: int
    payload: bytes  # inflated, where it came compressed
    fin: bool = True
    wire_bytes: int = 0  # of the payload, as it came; 0: it came as it is



KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455's example
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
MASK = b"\x37\xfa\x21\x3d"


def handshake(path: str = "/ws/mempool", *headers: str) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True, rsv: int = 0) -> bytes:
    """One frame as a client sends it; masked=False and rsv are for what a client must not send."""
    head = bytearray([(0x80 if fin else 0) | rsv << 4 | opcode])
    mark = 0x80 if masked else 0
    if len(payload) < 126:
        head.append(mark | len(payload))
    elif len(payload) < 1 << 16:
        head += bytes([mark | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([mark | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return bytes(head) + payload
    key = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    turned = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return bytes(head) + MASK + turned.to_bytes(len(payload), "big")


def deflated(message: bytes, flush: int = zlib.Z_SYNC_FLUSH, bits: int = 15) -> bytes:
    """The payload of a message that is sent compressed, with rsv=4 (RFC 7692 7.2.1)."""
    deflater = zlib.compressobj(wbits=-bits)
    out = deflater.compress(message) + deflater.flush(flush)
    return out[:-4] if flush == zlib.Z_SYNC_FLUSH else out


def inflated(payload: bytes) -> bytes:
    """The message of such a payload: by itself, and of whole blocks."""
    inflater = zlib.decompressobj(wbits=-15)
    message = inflater.decompress(payload + b"\0\0\xff\xff")
    assert not inflater.unused_data and not inflater.unconsumed_tail
    return message


def closing(code: int, reason: str = "") -> bytes:
    return frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def take_frames(unread: bytearray, *, deflate: bool = False) -> Iterator[Frame]:
    """The whole frames of a server at the front of what was read; they are taken off it. deflate: permessage-deflate was agreed on."""
    at = 0
    try:
        while len(unread) - at >= 2:
            first, size, start = unread[at], unread[at + 1], at + 2
            assert size < 0x80, "a server's frame must not be masked"
            compressed = deflate and first & 0x7F in (0x40 | TEXT, 0x40 | BINARY)
            assert compressed or not first & 0x70, "a reserved bit that was not agreed on"
            if size >= 126:
                wide = 2 if size == 126 else 8
                if len(unread) < start + wide:
                    return
                size, start = int.from_bytes(unread[start : start + wide], "big"), start + wide
            if len(unread) < start + size:
                return
            at = start + size
            payload = bytes(unread[start:at])
            yield Frame(first & 0xF, inflated(payload) if compressed else payload, bool(first & 0x80), size if compressed else 0)
    finally:
        del unread[:at]


class WebSocket(Connection):
    """A client after its handshake. It answers nothing by itself. One that offers compression reads it, where it was taken."""

    def __init__(self, port: int, path: str = "/ws/mempool", *headers: str, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        try:
            if receive_buffer:  # before connect: the window is agreed on then
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(LIMIT_S)
            self.socket.connect(("127.0.0.1", port))
            self.socket.sendall(handshake(path, *headers))
            self._unread = bytearray()
            while b"\r\n\r\n" not in self._unread:
                self._more()
        except BaseException:
            self.socket.close()
            raise
        top, _, rest = bytes(self._unread).partition(b"\r\n\r\n")
        self._unread = bytearray(rest)
        self._frames: list[Frame] = []
        self.answer = top.decode("latin-1")
        self.deflate = "\r\nSec-WebSocket-Extensions: permessage-deflate" in self.answer
        assert self.answer.startswith("HTTP/1.1 101 "), self.answer
        assert f"Sec-WebSocket-Accept: {ACCEPT}" in self.answer

    def send(self, raw: bytes) -> None:
        self.socket.sendall(raw)

    def next(self) -> Frame:
        """The next frame; EOFError when the server has ended the connection."""
        while not self._frames:
            self._frames.extend(take_frames(self._unread, deflate=self.deflate))
            if not self._frames:
                self._more()
        return self._frames.pop(0)

    def read(self, most: int) -> None:
        """Reads at most so many bytes, for next() to find: to stop in the middle of a frame."""
        more = self.socket.recv(most)
        assert more, "the server ended the connection"
        self._unread += more

    def text(self) -> str:
        got = self.next()
        assert got.opcode == TEXT and got.fin, got
        return got.payload.decode()

    def close_code(self) -> int:
        """Reads on until the server's close; its code."""
        while (got := self.next()).opcode != CLOSE:
            pass
        return int.from_bytes(got.payload[:2], "big")

    def ended(self) -> bool:
        """Waits for the end of the connection: True where nothing came before it."""
        try:
            self.next()
        except EOFError:
            return not self._unread
        return False

    def _more(self) -> None:
        self._unread += self._receive()
