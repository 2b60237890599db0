# SPDX-License-Identifier: MIT
"""A million submissions of eight producers at once, by every way into the queue."""

from __future__ import annotations

import ctypes
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import pytest

import mempool
from clients import Lines, end
from compiled import compile_library

MARKED = Path(__file__).parent.parent / "stress" / "marked.c"
PRODUCERS = 8  # as in marked.h
WITHIN_S = 120.0


class Record(ctypes.Structure):
    """As in marked.h."""

    _fields_ = [
        ("next", ctypes.c_uint32 * PRODUCERS),
        *((name, ctypes.c_uint64) for name in ("last_id", "wrong", "batches", "largest")),
    ]


class Producer(ctypes.Structure):
    """As in marked.h."""

    _fields_ = [
        ("thread", ctypes.c_ulong),
        ("pool", ctypes.c_void_p),
        *((name, ctypes.c_uint32) for name in ("index", "count", "eager", "reserved")),
        *((name, ctypes.c_uint64) for name in ("full", "failed")),
    ]


class Share(NamedTuple):
    """How many each producer of a kind submits, and how many requests an HTTP connection has in flight."""

    queue_capacity: int
    c: int
    python: int
    http: int
    depth: int


def submit_in_python(pool: mempool.Pool, marked: ctypes.CDLL, index: int, count: int, failed: list[object]) -> None:
    """By the module; where the queue is full, in line for room by the C ABI."""
    try:
        last = 0
        for number in range(count):
            try:
                id = pool.submit(struct.pack("=II", index, number)).id
            except mempool.Full:
                waited = ctypes.c_uint64()
                assert marked.marked_submit_wait(ctypes.c_void_p(pool.handle), index, number, ctypes.byref(waited)) == 0
                id = waited.value
            assert id > last
            last = id
    except Exception as error:
        failed.append(error)


@pytest.mark.parametrize(
    "share",
    [
        # Room for all: no answer is 503, so that HTTP may pipeline.
        pytest.param(Share(1 << 20, c=200_000, python=125_000, http=50_000, depth=50), id="room for all"),
        pytest.param(Share(64, c=300_000, python=38_000, http=8_000, depth=1), id="queue of 64"),
    ],
)
def test_a_million_submissions(share: Share, tmp_path: Path) -> None:
    """Of what three C threads, two Python threads and three HTTP connections submit at once, none is lost, none comes twice, each
    producer's order is kept and ids have no holes; so too where the queue is nearly always full."""
    marked = ctypes.CDLL(compile_library(MARKED, tmp_path))
    record = Record()
    counts = [share.c] * 3 + [share.python] * 2 + [share.http] * 3
    total = sum(counts)
    failed: list[object] = []
    connections: list[subprocess.Popen[bytes]] = []
    pool = mempool.Pool(
        listen_port=0, batch_interval_ms=0, queue_capacity=share.queue_capacity, queue_bytes=64 << 20, drain_timeout_ms=60_000
    )
    assert marked.marked_record(ctypes.c_void_p(pool.handle), ctypes.byref(record)) == 0
    with pool:
        in_c = [Producer(0, pool.handle, index, counts[index], index % 2) for index in range(3)]
        in_python = [
            threading.Thread(target=submit_in_python, args=(pool, marked, index, counts[index], failed)) for index in (3, 4)
        ]
        try:
            for index in (5, 6, 7):
                command = [str(Path(__file__).with_name("http_producer.py")), pool.port, index, counts[index], share.depth]
                connections.append(
                    subprocess.Popen([sys.executable, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                )
            says = [Lines(connection) for connection in connections]
            assert [each.next() for each in says] == ["connected"] * 3
            start = time.monotonic()
            for connection in connections:
                assert connection.stdin
                connection.stdin.write(b"\n")
                connection.stdin.flush()
            for producer in in_c:
                assert marked.marked_begin(ctypes.byref(producer)) == 0
            for thread in in_python:
                thread.start()
            for producer in in_c:
                assert marked.marked_end(ctypes.byref(producer)) == 0
            for thread in in_python:
                thread.join(WITHIN_S)
            of_threads_s = time.monotonic() - start
            turned_away = [int(each.next(WITHIN_S)) for each in says]
            assert [connection.wait(WITHIN_S) for connection in connections] == [0, 0, 0]
        finally:
            for connection in connections:
                end(connection)
        pool.flush(WITHIN_S)
        took = time.monotonic() - start
        stats = pool.stats

    assert failed == []
    assert (list(record.next), record.wrong, record.last_id) == (counts, 0, total)
    assert [producer.failed for producer in in_c] == [0, 0, 0]
    assert (stats.accepted, stats.applied, stats.rejected, stats.pending, stats.queue_length) == (total, total, 0, 0, 0)
    assert (stats.batches, stats.events) == (record.batches, record.batches)
    full = sum(producer.full for producer in in_c)
    print(
        f"\n{total} submissions (3 C threads {share.c}, 2 Python threads {share.python}, 3 HTTP connections {share.http} each), queue of "
        f"{share.queue_capacity}: {took:.2f} s, the threads done after {of_threads_s:.2f} s; {record.batches} batches, the largest "
        f"{record.largest}; C found it full {full} times, HTTP {sum(turned_away)} times; none lost, none twice, order kept"
    )
