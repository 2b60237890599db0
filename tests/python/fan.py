# SPDX-License-Identifier: MIT
"""Thousands of clients in one thread: non-blocking sockets on one epoll, WebSockets or Server-Sent Events. Each keeps what it heard, or
gives it to a function, and answers pings and closes. One thread at a time."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Callable, Sequence

import formats
from clients import CLOSE, LIMIT_S, PING, PONG, TEXT, frame, take_frames

WAVE = 256  # connections that are being made at once: fewer than the listener's backlog


class Seat:
    """One client of a fan."""

    __slots__ = ("close_code", "ended", "form", "heard", "socket", "unread", "upgraded")

    def __init__(self, port: int, form: str, receive_buffer: int) -> None:
        self.form = form
        self.socket = socket.socket()
        if receive_buffer:  # before connect: the window is agreed on then
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))
        self.unread = bytearray()
        self.upgraded = False
        self.heard: list[str] = []
        self.close_code: int | None = None
        self.ended = False


class Fan:
    """`size` clients, all of them after their handshake; their formats by turns. `hear` is given what was said in the words of a text
    client, and no greeting."""

    def __init__(
        self,
        port: int,
        size: int,
        hear: Callable[[Seat, bytes], None] | None = None,
        *,
        receive_buffer: int = 0,
        forms: Sequence[str] = ("text",),
    ) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.seats: list[Seat] = []
        self._hear = hear or (lambda seat, payload: seat.heard.append(payload.decode()))
        self._epoll = select.epoll()
        self._by_fd: dict[int, Seat] = {}
        self._upgraded = 0
        try:
            while len(self.seats) < size:
                for _ in range(min(WAVE, size - len(self.seats))):
                    self._add(Seat(port, forms[len(self.seats) % len(forms)], receive_buffer))
                self.run(lambda: self._upgraded == len(self.seats), "every client is upgraded")
        except BaseException:
            self.close()
            raise

    def _add(self, seat: Seat) -> None:
        self.seats.append(seat)
        self._by_fd[seat.socket.fileno()] = seat
        self._epoll.register(seat.socket, select.EPOLLOUT)

    def run(self, condition: Callable[[], bool], what: str, seconds: float = LIMIT_S) -> None:
        """Reads for all of them until the condition holds."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds} s: {what}"
            for fd, events in self._epoll.poll(0.05):
                seat = self._by_fd[fd]
                if events & select.EPOLLOUT:  # connected
                    seat.socket.send(formats.request(seat.form))
                    self._epoll.modify(fd, select.EPOLLIN)
                else:
                    self._read(seat)

    def _read(self, seat: Seat) -> None:
        try:
            more = seat.socket.recv(65536)
        except ConnectionResetError:
            more = b""
        if not more:
            seat.ended = True
            self._epoll.unregister(seat.socket)
            return
        seat.unread += more
        if not seat.upgraded:
            head, mark, rest = bytes(seat.unread).partition(b"\r\n\r\n")
            if not mark:
                return
            assert head.startswith(formats.opened(seat.form)), head
            seat.upgraded, seat.unread = True, bytearray(rest)
            self._upgraded += 1
        if formats.is_sse(seat.form):
            for data in formats.take_blocks(seat.unread):
                self._said(seat, data)
            return
        for got in take_frames(seat.unread, deflate=formats.is_deflated(seat.form)):
            if got.opcode == TEXT:
                self._said(seat, got.payload)
            elif got.opcode == PING:
                seat.socket.send(frame(PONG, got.payload))
            elif got.opcode == CLOSE:
                seat.close_code = int.from_bytes(got.payload[:2], "big")
                seat.socket.send(frame(CLOSE, got.payload[:2]))

    def _said(self, seat: Seat, payload: bytes) -> None:
        words = formats.words(seat.form, payload)
        if words is not None:
            self._hear(seat, words)

    def close(self) -> None:
        for seat in self.seats:
            seat.socket.close()
        self._epoll.close()

    def __enter__(self) -> Fan:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
