# SPDX-License-Identifier: MIT
"""Listening in process: iterators and callbacks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import mempool

OpenPool = Callable[..., mempool.Pool]


def test_a_batch_event_says_what_came_of_it(open_pool: OpenPool, deadline: float) -> None:
    """Three transactions, one rejected: `batch applied 2/3 txs`, with the rejection, the position and the time."""

    def apply(batch: mempool.TxBatch) -> None:
        batch[1].reject("insufficient funds")

    pool = open_pool(apply, batch_interval_ms=50)
    events = pool.subscribe(timeout=deadline)
    for data in ("a", "b", "c"):
        pool.submit(data)
    event = next(events)
    assert isinstance(event, mempool.Batch)
    assert str(event) == "batch applied 2/3 txs"
    assert event.rejected == (mempool.Rejected(2, "insufficient funds"),) and event.rejected[0].id == 2
    assert (event.offset, event.batch, event.position) == (1, 1, f"{event.epoch}:1")
    assert event.time.tzinfo is timezone.utc
    assert abs(datetime.now(timezone.utc) - event.time) < timedelta(seconds=deadline)


def test_rejections_are_listed_to_a_number(open_pool: OpenPool, deadline: float) -> None:
    """An event lists 32 rejections at most; total - applied is the whole."""

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            tx.reject("no")

    pool = open_pool(apply, batch_interval_ms=100, batch_max=40)
    events = pool.subscribe(timeout=deadline)
    for _ in range(40):
        pool.submit("x")
    event = next(events)
    assert isinstance(event, mempool.Batch)
    assert (event.total - event.applied, len(event.rejected)) == (40, 32)


@pytest.mark.parametrize("data", ["maintenance at noon", "", "a\x00b", b"\x00\xff", b""], ids=repr)
def test_a_message_arrives_as_it_was_published(open_pool: OpenPool, deadline: float, data: str | bytes) -> None:
    """A str is heard as str, bytes as bytes; publish returns the number of listeners."""
    pool = open_pool()
    events = [pool.subscribe(timeout=deadline) for _ in range(2)]
    assert pool.publish(data) == 2
    for each in events:
        event = next(each)
        assert isinstance(event, mempool.Message)
        assert event.data == data and type(event.data) is type(data)


def test_a_large_message_is_refused(open_pool: OpenPool) -> None:
    """A message beyond message_max_bytes is TooLarge."""
    with pytest.raises(mempool.TooLarge, match="message_max_bytes"):
        open_pool(message_max_bytes=125).publish("x" * 126)


def test_a_subscription_begins_with_its_call(open_pool: OpenPool, deadline: float) -> None:
    """subscribe takes its cursor when it is called, not at the first next."""
    pool = open_pool()
    pool.publish("before")
    events = pool.subscribe(timeout=deadline)
    pool.publish("after")
    assert str(next(events)) == "after"


def test_a_subscription_before_start_hears_everything(open_pool: OpenPool, deadline: float) -> None:
    """Who subscribes before start hears the first event."""
    pool = open_pool(start=False)
    events = pool.subscribe(timeout=deadline)
    pool.start()
    pool.publish("first")
    assert str(next(events)) == "first"


def test_silence_ends_the_iteration(open_pool: OpenPool) -> None:
    """subscribe(timeout=s) ends after s seconds of silence; nothing is lost, iterating again goes on."""
    pool = open_pool()
    events = pool.subscribe(timeout=0.01)
    assert list(events) == []
    pool.publish("one")
    assert [str(event) for event in events] == ["one"]


def test_a_subscription_ends_with_the_pool(open_pool: OpenPool, deadline: float) -> None:
    """After stop a subscription hears the rest, then ends."""
    pool = open_pool(batch_interval_ms=60000)
    events = pool.subscribe()
    pool.publish("one")
    pool.submit("x")
    pool.stop(deadline)
    assert [str(event) for event in events] == ["one", "batch applied 1/1 txs"]
    assert list(pool.subscribe()) == []


def test_lag_is_told_exactly(open_pool: OpenPool) -> None:
    """Who falls behind the ring hears how many events were overwritten, then goes on at the oldest retained."""
    pool = open_pool(ring_capacity=3)
    events = pool.subscribe(timeout=0)
    for number in range(1, 6):
        pool.publish(str(number))
    lagged, *rest = events
    assert isinstance(lagged, mempool.Lagged)
    assert lagged.missed == 2 and lagged.position.endswith(":2") and str(lagged) == "lagged 2"
    assert [str(event) for event in rest] == ["3", "4", "5"]


def test_a_subscription_has_one_reader(open_pool: OpenPool, deadline: float) -> None:
    """A second thread that reads or closes a subscription while one waits on it gets WrongState."""
    pool = open_pool()
    events = pool.subscribe()
    heard: list[mempool.Event] = []
    reader = threading.Thread(target=lambda: heard.extend(events))
    reader.start()
    probe = pool.subscribe(timeout=deadline)
    pool.publish("the reader is there when it has heard this")
    next(probe)
    while True:  # the reader is inside next at some moment from here on
        try:
            events._receiver.next(0)
        except mempool.WrongState:
            break
    with pytest.raises(mempool.WrongState):
        events.close()
    pool.stop(deadline)
    reader.join(deadline)
    assert not reader.is_alive()


def test_a_closed_subscription_is_at_its_end(open_pool: OpenPool, deadline: float) -> None:
    """A subscription that was closed ends, and counts as a listener no more."""
    pool = open_pool()
    with pool.subscribe() as events:
        assert pool.publish("x") == 1
    assert list(events) == []
    assert pool.publish("x") == 0


def test_a_callback_hears_in_order(open_pool: OpenPool, deadline: float) -> None:
    """on_event is a decorator; the callback hears every event in order, on one thread that is not the caller's."""
    pool = open_pool(start=False)
    heard: list[str] = []
    threads: set[int] = set()
    done = threading.Event()

    @pool.on_event
    def listen(event: mempool.Event) -> None:
        heard.append(str(event))
        threads.add(threading.get_ident())
        if str(event) == "last":
            done.set()

    pool.start()
    for number in range(100):
        pool.publish(str(number))
    pool.publish("last")
    assert done.wait(deadline)
    assert heard == [*map(str, range(100)), "last"]
    assert len(threads) == 1 and threads != {threading.get_ident()}


def test_off_event_ends_a_callback(open_pool: OpenPool, deadline: float) -> None:
    """No call begins after off_event; a second one is NotFound."""
    pool = open_pool()
    first, second = threading.Event(), threading.Event()
    heard: list[str] = []

    def one(event: mempool.Event) -> None:
        heard.append(str(event))
        first.set()

    pool.on_event(one)
    pool.publish("a")
    assert first.wait(deadline)
    pool.off_event(one)
    pool.on_event(lambda event: second.set())
    pool.publish("b")
    assert second.wait(deadline)
    assert heard == ["a"]
    with pytest.raises(mempool.NotFound):
        pool.off_event(one)


def test_a_callback_may_end_itself(open_pool: OpenPool, deadline: float) -> None:
    """off_event works inside the callback; stop there raises Reentrant."""
    pool = open_pool()
    heard: list[Any] = []
    done = threading.Event()

    @pool.on_event
    def once(event: mempool.Event) -> None:
        pool.off_event(once)
        try:
            pool.stop()
        except mempool.Reentrant as error:
            heard.append(type(error))
        heard.append(pool.submit("from the callback").wait(deadline).status)
        done.set()

    pool.publish("x")
    assert done.wait(deadline)
    assert heard == [mempool.Reentrant, "applied"]


def test_an_exception_in_a_callback_is_told(open_pool: OpenPool, unraisable: list[BaseException], deadline: float) -> None:
    """An exception in an event callback goes to sys.unraisablehook; the callback hears the next event."""
    pool = open_pool()
    heard: list[str] = []
    done = threading.Event()

    @pool.on_event
    def listen(event: mempool.Event) -> None:
        heard.append(str(event))
        if len(heard) == 1:
            raise ValueError("bad day")
        done.set()

    pool.publish("one")
    pool.publish("two")
    assert done.wait(deadline)
    assert heard == ["one", "two"]
    assert [repr(error) for error in unraisable] == ["ValueError('bad day')"]
