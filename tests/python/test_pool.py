# SPDX-License-Identifier: MIT
"""A pool in process, without a network: submitting, applying, its life."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import Any

import pytest

import mempool

OpenPool = Callable[..., mempool.Pool]


def reject_no(batch: mempool.TxBatch) -> None:
    for tx in batch:
        if tx.data == b"no":
            tx.reject("no means no")


# ---- submitting ----


def test_without_apply_everything_is_applied(open_pool: OpenPool, deadline: float) -> None:
    """A transaction of a pool without apply is applied; its outcome names its batch."""
    ticket = open_pool().submit(b"pay bob 5")
    assert ticket.wait(deadline) == mempool.Outcome(id=1, status="applied", reason="", batch=1)
    assert repr(ticket) == "<mempool.Ticket 1>"


def test_ids_count_from_one(open_pool: OpenPool) -> None:
    """Ids are 1, 2, 3 in queue order."""
    pool = open_pool()
    assert [pool.submit("x").id for _ in range(3)] == [1, 2, 3]


def test_a_rejection_has_its_reason(open_pool: OpenPool, deadline: float) -> None:
    """What apply rejects is rejected with its reason, the rest of the batch is applied."""
    pool = open_pool(reject_no, batch_interval_ms=50)
    yes, no = pool.submit("yes"), pool.submit("no")
    assert yes.wait(deadline).status == "applied"
    assert no.wait(deadline) == mempool.Outcome(2, "rejected", "no means no", 1)


def test_text_is_utf8(open_pool: OpenPool, deadline: float) -> None:
    """A str is submitted as UTF-8, bytes as they are."""
    got: list[bytes] = []
    pool = open_pool(lambda batch: got.extend(tx.data for tx in batch))
    for data in ("zoë", b"\x00\xff"):
        pool.submit(data).wait(deadline)
    assert got == ["zoë".encode(), b"\x00\xff"]


@pytest.mark.parametrize("data", [5, None, ["x"], bytearray(b"x")], ids=repr)
def test_data_of_another_type_is_refused(open_pool: OpenPool, data: Any) -> None:
    """submit and publish take bytes and str; the error names the type that was given."""
    pool = open_pool()
    for call in (pool.submit, pool.publish):
        with pytest.raises(TypeError, match=type(data).__name__):
            call(data)


def test_an_empty_transaction_is_invalid(open_pool: OpenPool) -> None:
    """A transaction has at least one byte."""
    with pytest.raises(mempool.Invalid):
        open_pool().submit(b"")


def test_a_large_transaction_is_refused(open_pool: OpenPool, deadline: float) -> None:
    """tx_max_bytes bytes pass, one more is TooLarge."""
    pool = open_pool(tx_max_bytes=4)
    assert pool.submit(b"1234").wait(deadline).status == "applied"
    with pytest.raises(mempool.TooLarge, match="tx_max_bytes"):
        pool.submit(b"12345")


def test_a_full_queue_refuses(open_pool: OpenPool, deadline: float) -> None:
    """With apply at work and the queue full, submit raises Full at once and names the option; what was accepted is applied later."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        assert go_on.wait(deadline)

    pool = open_pool(apply, queue_capacity=2)
    tickets = [pool.submit("first")]
    assert entered.wait(deadline)
    with pytest.raises(mempool.Full, match="queue_capacity"):
        for _ in range(4):
            tickets.append(pool.submit("x"))
    assert len(tickets) >= 3
    go_on.set()
    assert {ticket.wait(deadline).status for ticket in tickets} == {"applied"}


def test_waiting_has_a_deadline(open_pool: OpenPool) -> None:
    """Ticket.wait raises Timeout while the transaction is pending, and can be called again."""
    pool = open_pool(batch_interval_ms=60000)
    ticket = pool.submit("x")
    for timeout in (0, 0.001, 0.06):
        with pytest.raises(TimeoutError) as raised:
            ticket.wait(timeout)
        assert type(raised.value) is mempool.Timeout


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_is_not_negative(open_pool: OpenPool, timeout: float) -> None:
    """A negative timeout is Invalid everywhere; no limit is None."""
    pool = open_pool()
    for call in (pool.submit("x").wait, pool.subscribe, pool.stop):
        with pytest.raises(mempool.Invalid, match="timeout"):
            call(timeout)


def test_outcomes_are_kept_to_a_number(open_pool: OpenPool, deadline: float) -> None:
    """An outcome that is no longer kept (outcomes_capacity) is Gone."""
    pool = open_pool(outcomes_capacity=1)
    tickets = [pool.submit("x") for _ in range(2)]
    tickets[1].wait(deadline)
    for _ in range(3):
        pool.submit("x").wait(deadline)
    with pytest.raises(mempool.Gone, match="outcomes_capacity"):
        tickets[0].wait(deadline)


def test_threads_keep_their_order(open_pool: OpenPool, deadline: float) -> None:
    """Threads that submit at once: nothing is lost, each one's order is kept."""
    seen: list[bytes] = []
    pool = open_pool(lambda batch: seen.extend(tx.data for tx in batch))

    def produce(name: int) -> None:
        for number in range(200):
            pool.submit(f"{name} {number}")

    threads = [threading.Thread(target=produce, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline)
    pool.stop(deadline)
    for name in range(4):
        mine = [int(data.split()[1]) for data in seen if data.split()[0] == str(name).encode()]
        assert mine == list(range(200))


# ---- applying ----


def test_a_batch_is_a_sequence(open_pool: OpenPool, deadline: float) -> None:
    """A batch has a length, indexes from both ends, and iterates in queue order; past its ends is IndexError."""
    got: list[Any] = []

    def apply(batch: mempool.TxBatch) -> None:
        got.append([tx.id for tx in batch])
        got.append((len(batch), batch[0].data, batch[-1].data))
        for index in (3, -4):
            with pytest.raises(IndexError):
                batch[index]

    pool = open_pool(apply, batch_interval_ms=50)
    tickets = [pool.submit(data) for data in ("a", "b", "c")]
    assert {ticket.wait(deadline).status for ticket in tickets} == {"applied"}
    assert got == [[1, 2, 3], (3, b"a", b"c")]


def test_the_last_word_on_a_transaction_holds(open_pool: OpenPool, deadline: float) -> None:
    """A transaction that is rejected twice has the second reason."""

    def apply(batch: mempool.TxBatch) -> None:
        batch[0].reject("first")
        batch[0].reject("second")

    assert open_pool(apply).submit("x").wait(deadline).reason == "second"


@pytest.mark.parametrize(
    "reason, told",
    [("ä" * 200, "ä" * 128), ("\ud800", "?"), ("", "")],
    ids=["long", "lone surrogate", "empty"],
)
def test_reasons_are_text(open_pool: OpenPool, deadline: float, reason: str, told: str) -> None:
    """A long reason is cut at a character within 256 bytes; what UTF-8 can't say is a question mark."""
    outcome = open_pool(lambda batch: batch[0].reject(reason)).submit("x").wait(deadline)
    assert (outcome.status, outcome.reason) == ("rejected", told)


def test_a_batch_ends_with_its_callback(open_pool: OpenPool, deadline: float) -> None:
    """A batch or transaction that is kept beyond apply raises WrongState in all its parts; copies of id and data stay."""
    kept: list[Any] = []

    def apply(batch: mempool.TxBatch) -> None:
        kept.extend((batch, batch[0], batch[0].data))

    open_pool(apply).submit("x").wait(deadline)
    batch, tx, data = kept
    for use in (lambda: len(batch), lambda: batch[0], lambda: list(batch), lambda: tx.id, lambda: tx.data, lambda: tx.reject("x")):
        with pytest.raises(mempool.WrongState, match="until apply returns"):
            use()
    assert data == b"x"


def test_a_batch_belongs_to_its_thread(open_pool: OpenPool, deadline: float) -> None:
    """Another thread that uses a batch while apply runs gets WrongState."""
    raised: list[BaseException] = []

    def steal(batch: mempool.TxBatch) -> None:
        try:
            len(batch)
        except mempool.Error as error:
            raised.append(error)

    def apply(batch: mempool.TxBatch) -> None:
        thief = threading.Thread(target=steal, args=(batch,))
        thief.start()
        thief.join(deadline)

    open_pool(apply).submit("x").wait(deadline)
    assert [type(error) for error in raised] == [mempool.WrongState]


def test_an_exception_in_apply_rejects_the_batch(open_pool: OpenPool, unraisable: list[BaseException], deadline: float) -> None:
    """An exception in apply rejects the whole batch with its text and goes to sys.unraisablehook; the pool lives on."""

    def apply(batch: mempool.TxBatch) -> None:
        if batch[0].data == b"bad":
            raise ValueError("no such account")

    pool = open_pool(apply)
    outcome = pool.submit("bad").wait(deadline)
    assert (outcome.status, outcome.reason) == ("rejected", "ValueError: no such account")
    assert [repr(error) for error in unraisable] == ["ValueError('no such account')"]
    assert pool.submit("good").wait(deadline).status == "applied"


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    "error, reason", [(KeyError(), "KeyError"), (SystemExit(3), "SystemExit: 3"), (Mute(), "Mute")], ids=["no text", "exit", "mute"]
)
def test_any_exception_in_apply_is_a_rejection(
    open_pool: OpenPool, unraisable: list[BaseException], deadline: float, error: BaseException, reason: str
) -> None:
    """An exception without a text, one that would end the program, one that can't be printed: each is a rejection like others."""

    def apply(batch: mempool.TxBatch) -> None:
        raise error

    assert open_pool(apply).submit("x").wait(deadline).reason == reason
    assert [type(heard) for heard in unraisable] == [type(error)]


@pytest.mark.parametrize("wrong", [5, "apply"])
def test_apply_is_a_function(wrong: Any) -> None:
    """Something that can't be called is refused at once, by its name."""
    with pytest.raises(TypeError, match="apply is"):
        mempool.Pool(wrong)


def test_apply_is_no_coroutine() -> None:
    """A coroutine function is refused: nobody would await it."""

    async def apply(batch: mempool.TxBatch) -> None: ...

    with pytest.raises(TypeError, match="coroutine"):
        mempool.Pool(apply)


def test_apply_may_use_the_pool(open_pool: OpenPool, deadline: float) -> None:
    """apply may submit, publish and subscribe; what would have to wait for it raises Reentrant."""
    raised: list[BaseException] = []
    tickets: list[mempool.Ticket] = []

    def apply(batch: mempool.TxBatch) -> None:
        if batch[0].data != b"first":
            return
        tickets.append(pool.submit("second"))
        pool.publish("from apply")
        pool.subscribe().close()
        for call in (pool.stop, tickets[0].wait, pool.subscribe().__next__):
            try:
                call()
            except mempool.Error as error:
                raised.append(error)

    pool = open_pool(apply)
    heard = pool.subscribe(timeout=deadline)
    assert pool.submit("first").wait(deadline).status == "applied"
    assert [type(error) for error in raised] == [mempool.Reentrant] * 3
    assert [str(next(heard)) for _ in range(2)] == ["from apply", "batch applied 1/1 txs"]
    assert tickets[0].wait(deadline).status == "applied"


# ---- life ----


def test_a_pool_lives_one_way(open_pool: OpenPool, deadline: float) -> None:
    """OPEN, RUNNING, STOPPED; each state refuses what it can't do, and a second stop is fine."""
    pool = open_pool(start=False)
    assert pool.state == "OPEN"
    for call in (lambda: pool.submit("x"), lambda: pool.publish("x"), lambda: pool.port, lambda: pool.url):
        with pytest.raises(mempool.WrongState):
            call()
    pool.start()
    assert (pool.state, pool.port, pool.url) == ("RUNNING", 0, "")
    with pytest.raises(mempool.WrongState):
        pool.start()
    pool.stop(deadline)
    assert pool.state == "STOPPED"
    pool.stop(deadline)
    for closed in (lambda: pool.submit("x"), lambda: pool.publish("x"), lambda: pool.on_event(print)):
        with pytest.raises(mempool.Closed):
            closed()


def test_with_starts_and_stops() -> None:
    """`with` starts the pool and stops it, whatever leaves the block."""
    pool = mempool.Pool(listen_host="")
    with pytest.raises(KeyError), pool as entered:
        assert entered is pool and pool.state == "RUNNING"
        raise KeyError
    assert pool.state == "STOPPED"


def test_a_pool_that_never_started_stops() -> None:
    """stop on a pool that was never started makes it STOPPED at once."""
    pool = mempool.Pool(listen_host="")
    pool.stop()
    assert pool.state == "STOPPED"


def test_stop_applies_what_was_accepted(open_pool: OpenPool, deadline: float) -> None:
    """stop asks for the tick at once: what was accepted is applied before it returns."""
    pool = open_pool(batch_interval_ms=60000)
    ticket = pool.submit("x")
    pool.stop(deadline)
    assert ticket.wait(0).status == "applied"


def test_stop_does_not_wait_for_ever(open_pool: OpenPool, deadline: float) -> None:
    """Where apply does not return stop raises Timeout and the pool stays DRAINING; a second stop ends it."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        assert go_on.wait(deadline)

    pool = open_pool(apply)
    ticket = pool.submit("x")
    assert entered.wait(deadline)
    with pytest.raises(mempool.Timeout):
        pool.stop(0.05)
    assert pool.state == "DRAINING"
    go_on.set()
    pool.stop(deadline)
    assert (pool.state, ticket.wait(0).status) == ("STOPPED", "applied")


def test_another_thread_may_stop(open_pool: OpenPool, deadline: float) -> None:
    """stop works on any thread, from two at once too."""
    pool = open_pool()
    threads = [threading.Thread(target=pool.stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(deadline)
    assert pool.state == "STOPPED"


def test_pools_live_side_by_side(open_pool: OpenPool, deadline: float) -> None:
    """Five pools in one process do not hear each other."""
    pools = [open_pool() for _ in range(5)]
    heard = [pool.subscribe(timeout=deadline) for pool in pools]
    for number, pool in enumerate(pools):
        pool.publish(f"pool {number}")
    assert [str(next(one)) for one in heard] == [f"pool {number}" for number in range(5)]


def test_a_started_pool_needs_no_holder(open_pool: OpenPool, deadline: float) -> None:
    """A pool that runs goes on though nobody holds it, as a thread does."""
    pool = mempool.Pool(listen_host="")
    pool.start()
    ticket, events = pool.submit("x"), pool.subscribe(timeout=deadline)
    stop = pool.stop
    del pool
    assert ticket.wait(deadline).status == "applied"
    stop(deadline)
    assert all(isinstance(event, mempool.Batch) for event in events)


def test_callbacks_are_dropped_with_the_pool(deadline: float) -> None:
    """A pool that is gone holds neither its apply nor its event callbacks."""
    dropped = threading.Event()

    class Apply:
        def __call__(self, batch: mempool.TxBatch) -> None: ...

        def __del__(self) -> None:
            dropped.set()

    with mempool.Pool(Apply(), listen_host="") as pool:
        pool.submit("x").wait(deadline)
    del pool
    assert dropped.wait(deadline)


def test_repr_shows_the_state(open_pool: OpenPool) -> None:
    """A pool's repr says where it listens and its state."""
    pool = open_pool(start=False)
    assert repr(pool) == "<mempool.Pool in process OPEN>"
    pool.start()
    assert repr(pool) == "<mempool.Pool in process RUNNING>"
    assert repr(mempool.Pool(listen_port=3999)) == "<mempool.Pool http://127.0.0.1:3999 OPEN>"
    assert repr(mempool.Pool(listen_host="::1")) == "<mempool.Pool http://[::1]:3000 OPEN>"


def test_c_code_joins_by_the_handle(open_pool: OpenPool, deadline: float) -> None:
    """Code that was handed the handle submits to the same pool."""
    pool = open_pool()
    heard = pool.subscribe(timeout=deadline)
    library = ctypes.CDLL(mempool.library_path())
    id = ctypes.c_uint64()
    status = library.mempool_submit(ctypes.c_void_p(pool.handle), b"from c", ctypes.c_size_t(6), None, ctypes.byref(id))
    assert (status, id.value) == (0, 1)
    assert str(next(heard)) == "batch applied 1/1 txs"


# ---- options ----


@pytest.mark.parametrize(
    "options, told",
    [
        ({"listen_prot": 3000}, "did you mean listen_port"),
        ({"zzz": 3000}, "mempool options"),
        ({"listen_port": 65536}, "listen_port.*65535"),
        ({"listen_port": -1}, "listen_port"),
        ({"listen_port": "many"}, "listen_port"),
        ({"listen_port": 2**70}, "listen_port"),
        ({"listen_port": 1.5}, "listen_port"),
        ({"listen_port": None}, "listen_port"),
        ({"listen_host": 5}, "listen_host"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_wrong_option_is_refused(options: dict[str, Any], told: str) -> None:
    """An unknown option or a value out of its range is InvalidOption, a ValueError that names it and what is allowed."""
    with pytest.raises(mempool.InvalidOption, match=told) as raised:
        mempool.Pool(**options)
    assert isinstance(raised.value, ValueError)


def test_options_are_numbers_or_their_text(open_pool: OpenPool, deadline: float) -> None:
    """An option takes a number, or the same as text."""
    for size in (4, "4"):
        with pytest.raises(mempool.TooLarge):
            open_pool(tx_max_bytes=size).submit("12345")


def test_what_has_not_come_yet_is_unsupported(open_pool: OpenPool, deadline: float) -> None:
    """Options of later features raise Unsupported, and nothing is done."""
    pool = open_pool()
    for call in (
        lambda: pool.submit("x", key="k"),
        lambda: pool.submit("x", topic="other"),
        lambda: pool.publish("x", topic="other"),
        lambda: pool.subscribe(since="0"),
        lambda: pool.subscribe(slow="lag"),
        lambda: pool.subscribe(topic="other"),
    ):
        with pytest.raises(mempool.Unsupported):
            call()
    assert pool.submit("x", topic="mempool").wait(deadline).id == 1
