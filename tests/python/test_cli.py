# SPDX-License-Identifier: MIT
"""The command `mempool`, as real processes."""

from __future__ import annotations

import json
import os
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mempool

COMMAND = [sys.executable, "-m", "mempool"]
Serve = Callable[..., "Server"]


class Server:
    """A `mempool serve` that said that it is ready."""

    def __init__(self, process: subprocess.Popen[str], deadline: float) -> None:
        self.process = process
        self.deadline = deadline
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], deadline)[0], "serve said nothing"
        self.line = process.stdout.readline()
        found = re.fullmatch(r"mempool listening on (http://127\.0\.0\.1:(\d+))\n", self.line)
        assert found, (self.line, process.poll(), process.stderr.read() if process.stderr and not self.line else "")
        self.url, self.port = found[1], int(found[2])

    def post(self, data: str, query: str = "") -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/tx{query}", data=data.encode(), timeout=self.deadline) as answer:
            return dict(json.load(answer))

    def outcome(self, id: str) -> dict[str, Any]:
        """Asks until it is no longer pending: GET /tx/{id}."""
        for _ in range(100000):
            with urllib.request.urlopen(f"{self.url}/tx/{id}", timeout=self.deadline) as answer:
                outcome = dict(json.load(answer))
            if outcome["status"] != "pending":
                return outcome
        raise AssertionError("pending for ever")

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Signals it; returns status, what it said on standard output after its first line, and standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=self.deadline)
        return self.process.returncode, out, err


@pytest.fixture
def serve(tmp_path: Path, deadline: float) -> Iterator[Serve]:
    """Starts `mempool serve` on a free port, in an empty folder."""
    processes: list[subprocess.Popen[str]] = []

    def start(*flags: str, env: dict[str, str] | None = None) -> Server:
        process = subprocess.Popen(
            [*COMMAND, "serve", "--listen-port", "0", *flags],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return Server(process, deadline)

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=deadline)


@pytest.fixture
def run(tmp_path: Path, deadline: float) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `mempool` to its end."""

    def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, env={**os.environ, **(env or {})}, capture_output=True, text=True, timeout=deadline
        )

    return run


# ---- serve ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_serve_says_one_line_and_ends_by_a_signal(serve: Serve, number: signal.Signals) -> None:
    """serve prints the one line with the real port when it is ready; SIGINT and SIGTERM drain it, exit 0, nothing more is said."""
    server = serve()
    assert server.port > 0
    assert server.post("x") == {"id": "1", "status": "pending", "durability": "memory"}
    assert server.end(number) == (0, "", "")


def test_serve_drains(serve: Serve, tmp_path: Path) -> None:
    """What was accepted before the signal is applied before the end."""
    tmp_path.joinpath("app.py").write_text("def apply(batch):\n    for tx in batch: open('applied', 'ab').write(tx.data)\n")
    server = serve("--apply", "app:apply", "--batch-interval-ms", "60000")
    for data in ("a", "b", "c"):
        server.post(data)
    assert server.end() == (0, "", "")
    assert tmp_path.joinpath("applied").read_text() == "abc"


STUCK = "def apply(batch):\n    print('stuck', flush=True)\n    import threading; threading.Event().wait()\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_second_signal_cuts(serve: Serve, tmp_path: Path, number: signal.Signals, deadline: float) -> None:
    """While serve drains, a second signal ends it at once, with the status that a shell gives to that signal."""
    tmp_path.joinpath("app.py").write_text(STUCK)
    server = serve("--apply", "app:apply", "--drain-timeout-ms", "3600000")
    server.post("x")
    assert server.process.stdout is not None and server.process.stdout.readline() == "stuck\n"
    server.process.send_signal(number)
    while True:  # until it drains: then it accepts no more
        try:
            server.post("y")
        except OSError:
            break
    assert server.end(number) == (128 + number, "", "")


def test_an_apply_that_does_not_return_is_told(serve: Serve, tmp_path: Path) -> None:
    """Past drain_timeout_ms serve ends all the same: one line on standard error, exit 1."""
    tmp_path.joinpath("app.py").write_text(STUCK)
    server = serve("--apply", "app:apply", "--drain-timeout-ms", "100")
    server.post("x")
    assert server.process.stdout is not None and server.process.stdout.readline() == "stuck\n"
    status, out, err = server.end()
    assert (status, out, err.count("\n")) == (1, "", 1) and err.startswith("error: ")


def test_apply_decides(serve: Serve, tmp_path: Path) -> None:
    """--apply finds a module of the current folder, and an attribute by its path."""
    tmp_path.joinpath("app.py").write_text(
        "class Rules:\n    @staticmethod\n    def apply(batch):\n        for tx in batch:\n            if tx.data == b'no': tx.reject('no means no')\n"
    )
    server = serve("--apply", "app:Rules.apply")
    outcome = server.outcome(server.post("no")["id"])
    assert (outcome["status"], outcome["reason"]) == ("rejected", "no means no")
    assert server.outcome(server.post("yes")["id"])["status"] == "applied"


def test_an_apply_that_raises_rejects(serve: Serve, tmp_path: Path) -> None:
    """An exception in apply rejects its batch with its text and is told on standard error; the server lives on."""
    tmp_path.joinpath("app.py").write_text("def apply(batch):\n    if batch[0].data == b'bad': raise ValueError('bad day')\n")
    server = serve("--apply", "app:apply")
    outcome = server.outcome(server.post("bad")["id"])
    assert (outcome["status"], outcome["reason"]) == ("rejected", "ValueError: bad day")
    assert server.outcome(server.post("good")["id"])["status"] == "applied"
    status, out, err = server.end()
    assert (status, out) == (0, "") and "ValueError: bad day" in err


def test_serve_raises_the_descriptor_limit(serve: Serve) -> None:
    """serve raises the soft limit of descriptors to the hard one."""
    server = serve()
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[0] == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_a_flag_beats_the_environment(serve: Serve) -> None:
    """MEMPOOL_TX_MAX_BYTES is read; --tx-max-bytes beats it; a variable that names no option is left alone."""
    large = "x" * 20
    for flags, status in (((), 413), (("--tx-max-bytes", "30"), 202)):
        server = serve(*flags, env={"MEMPOOL_TX_MAX_BYTES": "10", "MEMPOOL_SERVICE_HOST": "10.0.0.1"})
        try:
            with urllib.request.urlopen(server.url + "/tx", data=large.encode(), timeout=server.deadline) as answer:
                got = answer.status
        except urllib.error.HTTPError as error:
            with error:
                got = error.code
        assert got == status


def websocket(server: Server) -> socket.socket:
    """A bare WebSocket after its handshake."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=server.deadline)
    client.sendall(
        f"GET /ws/mempool HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ")
    return client


def test_the_demo_shows_batches(serve: Serve) -> None:
    """serve --demo: a newcomer on the WebSocket soon hears batches of which a part is rejected, and can pay by himself."""
    server = serve("--demo", "--batch-interval-ms", "100")
    with websocket(server) as client:
        heard = b""
        while not (part := re.search(rb"batch applied (\d+)/(\d+) txs", heard)) or part[1] == part[2]:
            heard += client.recv(4096)
            if part and part[1] == part[2]:
                heard = heard[part.end() :]
    assert server.outcome(server.post("pay alice bob 1")["id"])["status"] in ("applied", "rejected")
    assert "insufficient funds" in server.outcome(server.post("pay alice bob 1000")["id"])["reason"]
    assert server.end() == (0, "", "")


# ---- refused ----


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that was refused."""
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.removeprefix("error: ").rstrip("\n")


def test_a_port_in_use_is_refused(run: Callable[..., Any], serve: Serve) -> None:
    """A port in use: one line that names it and says what to do, exit 2; who holds it lives on."""
    holder = serve()
    told = refused(run("serve", "--listen-port", str(holder.port)))
    assert told == f"listen_port {holder.port} is in use on 127.0.0.1; pass --listen-port 0 for a free one"
    assert holder.post("x")["id"] == "1"


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["serve", "--listen-prot", "3000"], "did you mean --listen-port?"),
        (["serve", "--listen-prot=3000"], "did you mean --listen-port?"),
        (["serve", "--zzz"], "`mempool options` lists them"),
        (["serve", "--listen-port", "65536"], "listen_port"),
        (["serve", "--listen-port", "many"], "listen_port"),
        (["serve", "--listen-port"], "--listen-port"),
        (["serve", "--listen-host", "example.org"], "example.org"),
        (["serve", "--listen-host", ""], "--listen-host"),
        (["serve", "extra"], "extra"),
        (["serve", "--apply", "app"], "MODULE:FUNCTION"),
        (["serve", "--apply", "nowhere:apply"], "nowhere"),
        (["serve", "--apply", "app:nothing"], "nothing"),
        (["serve", "--apply", "app:number"], "number is 5"),
        (["serve", "--apply", "raises:apply"], "ZeroDivisionError"),
        (["serve", "--apply", "syntax:apply"], "SyntaxError"),
        (["serve", "--apply", "app:coroutine"], "coroutine"),
        (["serve", "--apply", "app:apply", "--demo"], "--demo"),
        ([], "mempool serve"),
        (["swerve"], "swerve"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_what_cant_start_is_one_line(run: Callable[..., Any], tmp_path: Path, arguments: list[str], told: str) -> None:
    """What can't be started is one line on standard error that says what to do, and exit 2."""
    tmp_path.joinpath("app.py").write_text("number = 5\ndef apply(batch): pass\nasync def coroutine(batch): pass\n")
    tmp_path.joinpath("raises.py").write_text("1 / 0\n")
    tmp_path.joinpath("syntax.py").write_text("def\n")
    assert told in refused(run(*arguments))


def test_a_wrong_variable_is_refused(run: Callable[..., Any]) -> None:
    """A variable of the environment out of its range is named in the one line."""
    assert "MEMPOOL_LISTEN_PORT" in refused(run("serve", env={"MEMPOOL_LISTEN_PORT": "65536"}))


# ---- options, --version ----


def test_options_prints_the_table(run: Callable[..., Any]) -> None:
    """`mempool options` prints every option with its default, in aligned columns."""
    done = run("options")
    assert (done.returncode, done.stderr) == (0, "")
    head, *rows = done.stdout.splitlines()
    column = head.index("default")
    assert all(row[column - 2 : column] == "  " and row[column] != " " or row.split()[1] == "text," for row in rows)
    assert any(re.match(r"listen_port +int, port +3000 +0\.\.65535 ", row) for row in rows)
    help_text = run("serve", "--help").stdout
    assert all("--" + row.split()[0].replace("_", "-") in help_text for row in rows)


def test_the_version(run: Callable[..., Any]) -> None:
    """`mempool --version` prints the version on standard output."""
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"mempool {mempool.__version__}\n", "")


def test_the_command_is_installed(deadline: float) -> None:
    """The package brings the command `mempool`, which is `python -m mempool`."""
    command = shutil.which("mempool", path=sysconfig.get_path("scripts"))
    assert command, "no mempool beside this Python"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=deadline)
    assert done.stdout == f"mempool {mempool.__version__}\n"
