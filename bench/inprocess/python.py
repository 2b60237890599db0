#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a transaction and an event cost in Python, beside the standard library's queues: CPU time of the calling thread.

    pool.submit           one by one, 32 bytes
    pool.submit_many      1,000 at a time, 32 bytes each; for each transaction
    event                 an event heard by iteration
    queue.Queue           put_nowait, and get_nowait, of 32 bytes
    asyncio.Queue         put_nowait, and get_nowait, of 32 bytes

Prints one JSON object a line, as submit.cpp does. Needs the installed package. What was submitted must be applied, what was published must
be heard: else it ends with status 1. `--small` ends in a fraction of a second.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sys
import time
from collections.abc import Callable

import mempool

TRANSACTION = b"t" * 32
AT_ONCE = 1000


def print_figure(figure: str, value: float, checked: int, **params: object) -> None:
    print(json.dumps({"figure": figure, "unit": "ns", "params": params, "value": round(value, 2), "checked": checked}), flush=True)


def hold(what: bool, message: str) -> None:
    if not what:
        sys.exit(f"wrong: {message}")


def measured(work: Callable[[], object]) -> int:
    began = time.thread_time_ns()
    work()
    return time.thread_time_ns() - began


def submissions(rounds: int) -> None:
    applied = 0

    def apply(batch: mempool.Batch) -> None:
        nonlocal applied
        applied += len(batch)

    many = [TRANSACTION] * AT_ONCE
    one_by_one = at_once = submitted = 0
    with mempool.Pool(apply, listen_host="", batch_interval_ms=0) as pool:

        def each() -> None:
            submit = pool.submit
            for _ in range(AT_ONCE):
                submit(TRANSACTION)

        for _ in range(rounds):
            one_by_one += measured(each)
            pool.flush()
            at_once += measured(lambda: pool.submit_many(many))
            pool.flush()
            submitted += 2 * AT_ONCE
    hold(applied == submitted, f"submitted {submitted}, applied {applied}")
    print_figure("python_submit", one_by_one / (rounds * AT_ONCE), applied)
    print_figure("python_submit_many", at_once / (rounds * AT_ONCE), applied, at_once=AT_ONCE)


def events(rounds: int) -> None:
    took = heard = 0
    with mempool.Pool(listen_host="") as pool, pool.subscribe() as receiver:
        iterator = iter(receiver)

        def hear() -> None:
            nonlocal heard
            for _ in range(AT_ONCE):
                heard += next(iterator).data == "e" * 32

        for _ in range(rounds):
            for _ in range(AT_ONCE):
                pool.publish("e" * 32)
            took += measured(hear)
    hold(heard == rounds * AT_ONCE, f"published {rounds * AT_ONCE}, heard {heard}")
    print_figure("python_event", took / heard, heard)


def standard_queue(figure: str, waiting: queue.Queue[bytes] | asyncio.Queue[bytes], rounds: int) -> None:
    put_ns = get_ns = got = 0

    def put() -> None:
        put_nowait = waiting.put_nowait
        for _ in range(AT_ONCE):
            put_nowait(TRANSACTION)

    def get() -> None:
        nonlocal got
        get_nowait = waiting.get_nowait
        for _ in range(AT_ONCE):
            got += len(get_nowait()) == len(TRANSACTION)

    for _ in range(rounds):
        put_ns += measured(put)
        get_ns += measured(get)
    hold(got == rounds * AT_ONCE, f"put {rounds * AT_ONCE}, got {got}")
    print_figure(f"{figure}_put", put_ns / got, got)
    print_figure(f"{figure}_get", get_ns / got, got)


def main() -> None:
    rounds = 2 if "--small" in sys.argv[1:] else 200
    submissions(rounds)
    events(rounds)
    standard_queue("python_queue", queue.Queue(), rounds)

    async def in_a_loop() -> None:
        standard_queue("python_asyncio_queue", asyncio.Queue(), rounds)

    asyncio.run(in_a_loop())


if __name__ == "__main__":
    main()
