# SPDX-License-Identifier: MIT
"""What a signal handler raises ends every wait of the main thread promptly; Ctrl-C is such a one."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

import mempool

OpenPool = Callable[..., mempool.Pool]
PROMPT_S = 5.0  # far above the 50 ms that it takes: other people's machines are slow


class Interrupted(Exception):
    pass


@pytest.fixture
def interrupt() -> Iterator[Callable[[], None]]:
    """Sends SIGALRM to this process shortly after; its handler raises Interrupted, as SIGINT's raises KeyboardInterrupt."""

    def handle(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, handle)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.1) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_signal_ends_waiting_for_an_outcome(open_pool: OpenPool, interrupt: Callable[[], None]) -> None:
    """Ticket.wait without a limit ends; the transaction is untouched."""
    ticket = open_pool(batch_interval_ms=60000).submit("x")
    start = time.monotonic()
    interrupt()
    with pytest.raises(Interrupted):
        ticket.wait()
    assert time.monotonic() - start < PROMPT_S
    with pytest.raises(mempool.Timeout):
        ticket.wait(0)


def test_a_signal_ends_an_iteration(open_pool: OpenPool, interrupt: Callable[[], None], deadline: float) -> None:
    """An iterator that waits ends; the next event is not lost."""
    pool = open_pool()
    events = pool.subscribe()
    start = time.monotonic()
    interrupt()
    with pytest.raises(Interrupted):
        next(events)
    assert time.monotonic() - start < PROMPT_S
    pool.publish("after")
    assert str(next(events)) == "after"


def test_a_signal_ends_waiting_for_stop(open_pool: OpenPool, interrupt: Callable[[], None], deadline: float) -> None:
    """stop ends while apply does not return; the pool goes on stopping, and a second stop waits for it."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        assert go_on.wait(deadline)

    pool = open_pool(apply)
    pool.submit("x")
    assert entered.wait(deadline)
    start = time.monotonic()
    interrupt()
    with pytest.raises(Interrupted):
        pool.stop(deadline)
    assert time.monotonic() - start < PROMPT_S
    assert pool.state == "DRAINING"
    go_on.set()
    pool.stop(deadline)
    assert pool.state == "STOPPED"


def test_timeouts_are_exact_in_slices(open_pool: OpenPool) -> None:
    """A wait of the main thread, which goes on in slices, lasts as long as it was told and not a slice more or less."""
    pool = open_pool(batch_interval_ms=60000)
    ticket, events = pool.submit("x"), pool.subscribe(timeout=0.13)
    start = time.monotonic()
    with pytest.raises(mempool.Timeout):
        ticket.wait(0.13)
    middle = time.monotonic()
    assert list(events) == []
    assert middle - start >= 0.13
    assert time.monotonic() - middle >= 0.13


def test_handlers_run_while_waiting(open_pool: OpenPool, deadline: float) -> None:
    """A handler that raises nothing runs during a wait, and the wait goes on."""
    heard: list[int] = []
    pool = open_pool()

    def handle(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        pool.publish("from the handler")

    before = signal.signal(signal.SIGALRM, handle)
    try:
        events = pool.subscribe(timeout=deadline)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert str(next(events)) == "from the handler"
    finally:
        signal.signal(signal.SIGALRM, before)
    assert heard == [signal.SIGALRM]
