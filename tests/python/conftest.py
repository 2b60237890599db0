# SPDX-License-Identifier: MIT
"""What the Python tests share. They run against the installed package; nothing waits without a deadline."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mempool

DEADLINE_S = 20.0


@pytest.fixture
def deadline() -> float:
    """Seconds after which a wait has failed; no test waits that long when all is well."""
    return DEADLINE_S


@pytest.fixture
def open_pool() -> Iterator[Callable[..., mempool.Pool]]:
    """Makes pools that run in process only; those that run at the test's end are stopped."""
    made: list[mempool.Pool] = []

    def make(apply: Callable[..., object] | None = None, *, start: bool = True, **options: int | str) -> mempool.Pool:
        pool = mempool.Pool(apply, **{"listen_host": "", "batch_interval_ms": 0, **options})  # type: ignore[arg-type]
        made.append(pool)
        if start:
            pool.start()
        return pool

    yield make
    for pool in made:
        pool.stop(DEADLINE_S)


@pytest.fixture
def listen(open_pool: Callable[..., mempool.Pool]) -> Callable[..., mempool.Pool]:
    """Makes pools on a free port of the loopback address."""
    return lambda apply=None, **options: open_pool(apply, listen_host="127.0.0.1", listen_port=0, **options)


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """What went to sys.unraisablehook."""
    heard: list[BaseException] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: heard.append(raised.exc_value))
    return heard


@pytest.fixture
def run_python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in a Python of its own, in an empty folder."""

    def run(program: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *flags, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S
        )

    return run
