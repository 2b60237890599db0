# SPDX-License-Identifier: MIT
"""Five pools in one process, with a network each."""

from __future__ import annotations

import os
import threading

import mempool
from clients import LIMIT_S, Http, WebSocket, until

POOLS = 5


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def native_threads() -> int:
    return len(os.listdir("/proc/self/task"))


class Ledger:
    def __init__(self) -> None:
        self.applied: list[bytes] = []

    def apply(self, batch: mempool.TxBatch) -> None:
        self.applied.extend(tx.data for tx in batch)


def use(pool: mempool.Pool, text: str) -> None:
    """A transaction by HTTP, and its event at a WebSocket and an iterator of the same pool."""
    events = pool.subscribe(timeout=LIMIT_S)
    with WebSocket(pool.port) as listener, Http(pool.port) as http:
        assert http.ask("POST", "/tx", text.encode()).status == 202
        assert listener.text() == "batch applied 1/1 txs"
    assert str(next(events)) == "batch applied 1/1 txs"


def test_five_pools_one_after_another() -> None:
    """Five pools are opened, started, used, stopped and released in turn; no thread and no descriptor is left of them."""
    before = descriptors(), native_threads()
    for number in range(POOLS):
        pool = mempool.Pool(listen_port=0, batch_interval_ms=0)
        pool.start()
        use(pool, f"pay {number}")
        pool.stop(LIMIT_S)
        del pool
    until(lambda: (descriptors(), native_threads()) == before, "threads and descriptors are as before")


def test_five_pools_side_by_side() -> None:
    """Five pools at once have ports, queues and listeners of their own, whatever the order in which they stop."""
    ledgers = [Ledger() for _ in range(POOLS)]
    pools = [mempool.Pool(ledger.apply, listen_port=0, batch_interval_ms=0) for ledger in ledgers]
    try:
        for pool in pools:
            pool.start()
        assert len({pool.port for pool in pools}) == POOLS
        users = [threading.Thread(target=use, args=(pool, f"pay {number}")) for number, pool in enumerate(pools)]
        for user in users:
            user.start()
        for user in users:
            user.join(LIMIT_S)
        pools[2].stop(LIMIT_S)
        use(pools[0], "pay again")
    finally:
        for pool in reversed(pools):
            pool.stop(LIMIT_S)
    assert [ledger.applied for ledger in ledgers] == [[b"pay 0", b"pay again"], [b"pay 1"], [b"pay 2"], [b"pay 3"], [b"pay 4"]]
