# SPDX-License-Identifier: MIT
"""A server or the load generator as a child: one line out, one line back, with a deadline; and what /proc says of it."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NoReturn

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The run is void: a process died, was silent, or did something wrong. The text says which and what."""


class Unsupported(Exception):
    """The server has no such thing; the figure is left out for it."""


class Child:
    """Pinned to one core before it starts. Ends when its standard input does, at the latest when close() has waited for 5 s."""

    def __init__(self, name: str, command: list[str], core: int | None, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()
        self._said = b""
        pin = None if core is None else (lambda: os.sched_setaffinity(0, {core}))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **(environment or {})},
            preexec_fn=pin,
            bufsize=0,
        )
        self.pid = self._process.pid

    def tell(self, command: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(command.encode() + b"\n")
        except BrokenPipeError:
            self.hear(f"an answer to `{command}`")  # its last words, and the failure

    def hear(self, word: str, deadline_s: float = 120) -> list[str]:
        """The rest of the next line, which must begin with `word`."""
        assert self._process.stdout
        end = time.monotonic() + deadline_s
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                self._fail(f"said no `{word}` within {deadline_s:.0f} s")
            if not (more := os.read(self._process.stdout.fileno(), 65536)):
                self._fail(f"ended before it said `{word}`")
            self._said += more
        line, self._said = self._said.split(b"\n", 1)
        first, *rest = line.decode(errors="replace").split()
        if first == "unsupported":
            raise Unsupported(self.name)
        if first != word:
            self._fail(f"was to say `{word}`, said: {line.decode(errors='replace')}")
        return rest

    def ask(self, command: str, word: str, deadline_s: float = 120) -> list[str]:
        self.tell(command)
        return self.hear(word, deadline_s)

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _fail(self, what: str) -> NoReturn:
        self._errors.seek(0)
        errors = self._errors.read().decode(errors="replace").strip()[-2000:]
        raise Failed(f"{self.name} {what}" + (f"\n{errors}" if errors else ""))

    # ---- what /proc says ----

    def _tasks(self) -> list[Path]:
        return list(Path(f"/proc/{self.pid}/task").iterdir())

    def settle(self, deadline_s: float = 1.0) -> None:
        """Waits until all its threads sleep: then what they used is counted in full, as the kernel adds it up when a thread leaves its
        core. A server that never sleeps is read as it is."""
        end = time.monotonic() + deadline_s
        asleep = 0
        while asleep < 2 and time.monotonic() < end:
            states = [_read(task / "stat").rpartition(") ")[2][:1] for task in self._tasks()]
            asleep = asleep + 1 if all(state in ("S", "") for state in states) else 0
            time.sleep(0.0005)

    def cpu_ns(self) -> int:
        """User and kernel time of all threads."""
        return sum(int((_read(task / "schedstat") or "0").split()[0]) for task in self._tasks())

    def waited_part(self) -> float:
        """Of the time that its threads wanted a core, the part in which they had none: others load this machine, or its own threads stood
        in each other's way."""
        fields = [(_read(task / "schedstat") or "0 0").split() for task in self._tasks()]
        ran, waited = (sum(int(each[index]) for each in fields) for index in (0, 1))
        return waited / max(1, ran + waited)

    def user_and_kernel_s(self) -> tuple[float, float]:
        fields = _read(Path(f"/proc/{self.pid}/stat")).rpartition(") ")[2].split()
        return int(fields[11]) * TICK_S, int(fields[12]) * TICK_S

    def private_bytes(self) -> int:
        """Memory that it shares with nobody, of its own address space: the kernel's socket buffers are not in it."""
        lines = _read(Path(f"/proc/{self.pid}/smaps_rollup")).splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
        return ""
