# SPDX-License-Identifier: MIT
"""The types as a user writes them: `mypy --strict` must pass. Never run."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import mempool


def apply(batch: mempool.TxBatch) -> None:
    for tx in batch:
        id: int = tx.id
        data: bytes = tx.data
        if not data:
            tx.reject(f"{id} is empty")
    first: mempool.Tx = batch[0]
    first.reject("no")
    size: int = len(batch)
    print(size)


with mempool.Pool(apply, listen_port=3000, listen_host="127.0.0.1") as pool:
    url: str = pool.url
    port: int = pool.port
    handle: int = pool.handle
    state: str = pool.state
    ticket: mempool.Ticket = pool.submit(b"pay bob 5")
    outcome: mempool.Outcome = ticket.wait(1.0)
    status: Literal["applied", "rejected"] = outcome.status
    listeners: int = pool.publish("noon")

    @pool.on_event
    def heard(event: mempool.Event) -> None:
        position: str = event.position
        print(position)

    pool.off_event(heard)
    for event in pool.subscribe(timeout=1):
        if isinstance(event, mempool.Batch):
            when: datetime = event.time
            for rejected in event.rejected:
                reason: str = rejected.reason
        elif isinstance(event, mempool.Message):
            said: str | bytes = event.data
        elif isinstance(event, mempool.Lagged):
            missed: int = event.missed
        else:
            epoch: str = event.epoch
    pool.request_stop()

try:
    mempool.Pool(listen_port=-1).start()
except mempool.InvalidOption as error:
    number: int = error.status
except (mempool.AddressInUse, mempool.Error):
    pass

version: str = mempool.__version__
paths: tuple[str, str] = (mempool.library_path(), mempool.include_path())
