# SPDX-License-Identifier: MIT
"""pool_process.py OPTIONS: one process with a pool. Reads commands from standard input, a JSON list a line, and answers each with a
line of JSON; the first line is the URL. The end of standard input stops the pool. OPTIONS is a JSON object."""

from __future__ import annotations

import base64
import ctypes
import dataclasses
import json
import os
import resource
import sys
import threading
import time
from typing import Any

import mempool


def apply(batch: mempool.TxBatch) -> None:
    for tx in batch:
        if not tx.data.startswith(b"pay"):
            tx.reject("unknown verb")


class MallInfo2(ctypes.Structure):
    """mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


libc = ctypes.CDLL(None)
libc.mallinfo2.restype = MallInfo2


def heap_bytes() -> int:
    """What malloc has given out and not got back. Under AddressSanitizer that is its own malloc, of which mallinfo2 knows nothing."""
    if hasattr(libc, "__sanitizer_get_current_allocated_bytes"):
        libc.__sanitizer_get_current_allocated_bytes.restype = ctypes.c_size_t
        return int(libc.__sanitizer_get_current_allocated_bytes())
    now = libc.mallinfo2()
    return int(now.uordblks + now.hblkhd)


class Host:
    """Every method is a command."""

    def __init__(self, pool: mempool.Pool) -> None:
        self._pool = pool
        self._heard: list[str] = []
        self._producer: Any = None

    def publish(self, text: str) -> int:
        return self._pool.publish(text)

    def publish_numbers(self, first: int, last: int) -> list[int]:
        return [self._pool.publish(f"event {number}") for number in range(first, last + 1)]

    def publish_many(self, first: int, last: int, size: int, fill: str = ".") -> int:
        """Numbered events of `size` bytes, as fast as it goes; the listeners of the last. fill: "" for what hardly gets shorter."""
        listeners = 0
        for number in range(first, last + 1):
            text = f"{number} ".ljust(size, fill) if fill else f"{number} {base64.b85encode(os.urandom(size)).decode()}"[:size]
            listeners = self._pool.publish(text)
        return listeners

    def publish_paced(self, first: int, last: int, size: int, interval_ms: float) -> None:
        """The same, one every interval_ms; behind its number each says when it was published (time.monotonic_ns)."""
        start = time.monotonic()
        for number in range(first, last + 1):
            time.sleep(max(0.0, start + (number - first) * interval_ms / 1000 - time.monotonic()))
            self._pool.publish(f"{number} {time.monotonic_ns()} ".ljust(size, "."))

    def flush(self) -> None:
        """Until all that was accepted has its outcome."""
        self._pool.flush()

    def listeners(self) -> int:
        return self._pool.listener_count

    def stats(self) -> dict[str, int | str]:
        return dataclasses.asdict(self._pool.stats)

    def heap_bytes(self) -> int:
        return heap_bytes()

    def leave_descriptors(self, spare: int) -> None:
        """Lowers the limit to what is in use and so many more."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd")) - 1  # listdir's own
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, hard))

    def submit_by_a_thread(self, text: str) -> int:
        """By a thread of its own, as a producer of the host would."""
        ids: list[int] = []
        thread = threading.Thread(target=lambda: ids.append(self._pool.submit(text).id))
        thread.start()
        thread.join()
        return ids[0]

    def iterate(self) -> None:
        """A thread that iterates over the events from now on."""
        events = self._pool.subscribe()
        threading.Thread(target=lambda: self._heard.extend(map(str, events))).start()

    def heard_by_python(self) -> list[str]:
        return self._heard

    def load_c(self, path: str) -> int:
        """Loads C code and hands it the pool."""
        producer = ctypes.CDLL(path)
        producer.producer_join.argtypes = [ctypes.c_void_p]
        producer.producer_submit.argtypes = [ctypes.c_char_p]
        producer.producer_submit.restype = ctypes.c_uint64
        producer.producer_heard.argtypes = [ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
        self._producer = producer
        return int(producer.producer_join(self._pool.handle))

    def submit_by_c(self, text: str) -> int:
        return int(self._producer.producer_submit(text.encode()))

    def heard_by_c(self) -> list[str]:
        text = ctypes.create_string_buffer(256)
        heard: list[str] = []
        while self._producer.producer_heard(len(heard), text, len(text)):
            heard.append(text.value.decode())
        return heard


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with mempool.Pool(apply, listen_port=0, **json.loads(sys.argv[1])) as pool:
        host = Host(pool)
        print(json.dumps(pool.url), flush=True)
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            print(json.dumps(getattr(host, what)(*arguments)), flush=True)


main()
