# SPDX-License-Identifier: MIT
"""A pool, a listener, and transactions from Python and over HTTP."""

import urllib.request

import mempool


def apply(batch: mempool.TxBatch) -> None:
    """On the batch thread. What is not rejected is applied."""
    for tx in batch:
        if not tx.data.startswith(b"pay"):
            tx.reject("unknown verb")


with mempool.Pool(listen_port=0, apply=apply) as pool:
    print("listening on", pool.url)
    events = pool.subscribe()
    print(pool.submit("pay bob 5").wait(1.0))
    print(pool.submit("rob bob 5").wait(1.0))
    with urllib.request.urlopen(f"{pool.url}/tx", data=b"pay eve 1") as answer:
        print(answer.read().decode())
    pool.publish("that was all")

for event in events:  # what was said until the pool stopped
    print("heard:", event)
