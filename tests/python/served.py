# SPDX-License-Identifier: MIT
"""`mempool serve` as a process that listens where a test says: on a unix socket, or on a descriptor that it is handed as systemd would.
Owned by the test; ended at its end."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from clients import LIMIT_S, Lines, end

# systemd's part of sd_listen_fds(3): the socket is descriptor 3, and the variables are for this process alone.
HANDS_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS=sys.argv[2], LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="mempool.socket")
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


class Served:
    """hand_over: a listening socket, which becomes its descriptor 3. A server that does not start says why in `refused()`."""

    def __init__(
        self, *flags: str, hand_over: socket.socket | None = None, count: int = 1, env: dict[str, str] | None = None
    ) -> None:
        command = ["-m", "mempool", "serve", *flags]
        if hand_over is not None:
            command = ["-c", HANDS_OVER, str(hand_over.fileno()), str(count), *command]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env={**os.environ, **(env or {})},
            pass_fds=[hand_over.fileno()] if hand_over is not None else [],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines = Lines(self.process)

    def where(self) -> str:
        """What it says of where it listens, once it is ready."""
        return self._lines.next().removeprefix("mempool listening on ")

    def refused(self) -> str:
        out, error = self.process.communicate(timeout=LIMIT_S)
        assert (self.process.returncode, out) == (2, b"")
        return error.decode().removeprefix("error: ").rstrip("\n")

    def stop(self) -> None:
        """Asks it to, and sees it end well."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT_S) == 0

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)


class UnixConnection(http.client.HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path: Path | str) -> None:
        super().__init__("localhost", timeout=LIMIT_S)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(LIMIT_S)
        self.sock.connect(self._path)


def ask(connection: http.client.HTTPConnection, method: str, target: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    """Status and body of the answer. The connection is closed after; it opens again by itself."""
    with closing(connection):
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
