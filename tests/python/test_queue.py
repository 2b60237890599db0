# SPDX-License-Identifier: MIT
"""Many at once, flush, and who listens: in process, no network."""

from __future__ import annotations

import threading

import mempool
import pytest

PATIENCE = 20.0


def test_many_are_queued_in_order_and_each_has_a_ticket() -> None:
    """submit_many gives one ticket for each transaction, in the order given."""
    seen: list[bytes] = []

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            seen.append(tx.data)
            if tx.data == b"no":
                tx.reject("no means no")

    with mempool.Pool(listen_host="", batch_interval_ms=0, apply=apply) as pool:
        tickets = pool.submit_many([b"a", "no", b"c"])
        assert [ticket.id for ticket in tickets] == [1, 2, 3]
        assert [ticket.wait(PATIENCE).status for ticket in tickets] == ["applied", "rejected", "applied"]
        assert pool.submit_many([]) == []
        assert pool.submit_many(str(number) for number in range(3))[0].id == 4
    assert seen == [b"a", b"no", b"c", b"0", b"1", b"2"]


def test_many_are_all_or_none() -> None:
    """Where one of them is refused, none is queued."""
    with mempool.Pool(listen_host="", batch_interval_ms=60000, queue_capacity=3) as pool:
        with pytest.raises(mempool.TooLarge, match="queue_capacity"):
            pool.submit_many([b"x"] * 4)
        with pytest.raises(mempool.Invalid):
            pool.submit_many([b"x", b""])
        with pytest.raises(TypeError):
            pool.submit_many([b"x", 5])  # type: ignore[list-item]
        assert pool.submit(b"x").id == 1


def test_flush_ends_when_all_has_its_outcome() -> None:
    """flush does not wait for a fuller batch, on the main thread and on another."""
    with mempool.Pool(listen_host="", batch_interval_ms=60000) as pool:
        pool.flush(0)
        ticket = pool.submit(b"a")
        pool.flush(PATIENCE)
        assert ticket.wait(0).status == "applied"
        another = pool.submit(b"b")
        thread = threading.Thread(target=pool.flush)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert another.wait(0).status == "applied"


def test_flush_says_that_the_time_was_up_and_from_apply_that_it_would_wait_for_itself() -> None:
    """Timeout while apply does not return; Reentrant inside it."""
    go_on = threading.Event()
    raised: list[BaseException] = []

    def apply(batch: mempool.TxBatch) -> None:
        try:
            pool.flush()
        except mempool.Error as error:
            raised.append(error)
        go_on.wait(PATIENCE)

    with mempool.Pool(listen_host="", batch_interval_ms=0, apply=apply) as pool:
        pool.submit(b"a")
        with pytest.raises(mempool.Timeout):
            pool.flush(0.01)
        go_on.set()
        pool.flush(PATIENCE)
    assert isinstance(raised[0], mempool.Reentrant)


def test_the_pool_knows_how_many_listen() -> None:
    """Subscriptions and callbacks are listeners until they end."""
    with mempool.Pool(listen_host="") as pool:
        assert pool.listener_count == 0
        first = pool.subscribe()
        second = pool.subscribe()
        assert pool.listener_count == 2
        assert pool.publish("x") == 2
        first.close()
        assert pool.listener_count == 1
        second.close()


def test_the_counters_are_exact() -> None:
    """accepted is applied + rejected + pending at every moment."""

    def apply(batch: mempool.TxBatch) -> None:
        now = pool.stats
        assert now.accepted == now.applied + now.rejected + now.pending
        batch[0].reject("the first of each batch")

    with mempool.Pool(listen_host="", batch_interval_ms=60000, queue_capacity=3, apply=apply) as pool:
        pool.submit_many([b"a", b"bc"])
        before = pool.stats
        assert (before.accepted, before.pending, before.queue_length, before.queue_bytes) == (2, 2, 2, 3)
        with pytest.raises(mempool.Full):
            pool.submit_many([b"x", b"y"])
        pool.flush(PATIENCE)
        after = pool.stats
    assert (after.accepted, after.applied, after.rejected, after.pending, after.batches, after.refused) == (2, 1, 1, 0, 1, 1)
