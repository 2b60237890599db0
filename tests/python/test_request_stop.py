# SPDX-License-Identifier: MIT
"""Pool.request_stop: a stop begun from where stop itself can't be called."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from types import FrameType

import pytest

import mempool

OpenPool = Callable[..., mempool.Pool]


def test_a_signal_handler_stops_the_pool(open_pool: OpenPool, deadline: float) -> None:
    """A handler that runs in the middle of submissions ends them, and a subscription; all that was accepted is applied."""
    applied: list[int] = []
    handler_ran = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        pool.request_stop()
        handler_ran.set()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        for _ in range(50):
            applied.clear()
            handler_ran.clear()
            pool = open_pool(lambda batch: applied.extend(tx.id for tx in batch))
            events = pool.subscribe(timeout=deadline)
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            accepted = []
            with pytest.raises(mempool.Closed):
                while True:
                    try:
                        accepted.append(pool.submit("x").id)
                    except mempool.Full:
                        pass
            assert handler_ran.is_set()
            for _ in events:  # ends by itself
                pass
            pool.stop(deadline)
            assert applied == accepted
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_the_end_of_a_program_that_waits_for_a_signal(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """The handler asks, the main thread's loop over the events ends, and `with` waits for the rest."""
    done = run_python(
        """
import os, signal, threading
import mempool
seen = []
with mempool.Pool(lambda batch: seen.extend(tx.data for tx in batch), listen_port=0, batch_interval_ms=60000) as pool:
    signal.signal(signal.SIGTERM, lambda number, frame: pool.request_stop())
    events = pool.subscribe()
    pool.submit("x")
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    print([str(event) for event in events])
print(seen, pool.state)
"""
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "['batch applied 1/1 txs']\n[b'x'] STOPPED\n"


def test_apply_and_an_event_callback_may_ask(open_pool: OpenPool, deadline: float) -> None:
    """Where stop raises Reentrant, request_stop is the way."""
    answers: list[str] = []

    def ask(_: object) -> None:
        with pytest.raises(mempool.Reentrant):
            pool.stop()
        pool.request_stop()
        answers.append(pool.state)

    pool = open_pool(ask, start=False)
    pool.on_event(ask)
    pool.start()
    ticket = pool.submit("x")
    assert ticket.wait(deadline).status == "applied"
    assert [str(event) for event in pool.subscribe(timeout=deadline)] in ([], ["batch applied 1/1 txs"])
    pool.stop(deadline)
    assert answers[0] == "DRAINING"
    assert len(answers) == 2


def test_before_start_it_is_remembered(open_pool: OpenPool, deadline: float) -> None:
    """A signal that comes a moment before start does what it would have done a moment after."""
    pool = open_pool(start=False)
    pool.request_stop()
    assert pool.state == "OPEN"
    pool.start()
    with pytest.raises(mempool.Closed):
        pool.submit("x")
    assert list(pool.subscribe(timeout=deadline)) == []
    pool.stop(deadline)
    pool.request_stop()
    assert pool.state == "STOPPED"


def test_a_crash_inside_apply_reaches_faulthandler(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """The batch thread blocks no signal of a fault, so that the traceback of what crashed is printed."""
    done = run_python(
        """
import faulthandler, resource
import mempool
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
faulthandler.enable()
def crash(batch):
    faulthandler._sigsegv()
with mempool.Pool(crash, listen_host="", batch_interval_ms=0) as pool:
    pool.submit("x").wait(10)
"""
    )
    assert done.returncode < 0
    assert "Segmentation fault" in done.stderr
    assert "in crash" in done.stderr
