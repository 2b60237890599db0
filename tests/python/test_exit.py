# SPDX-License-Identifier: MIT
"""Python ends cleanly whatever a pool does meanwhile. Each program runs five times: the moments differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

START = """
import sys, threading, time
import mempool
def apply(batch):
    for tx in batch: print("applied", tx.data.decode(), flush=True)
pool = mempool.Pool(apply, listen_port=0)
pool.start()
"""

# name: (program, status, what it prints at last, part of standard error or None for empty)
PROGRAMS: dict[str, tuple[str, int, str, str | None]] = {
    "running server": (START, 0, "", None),
    "work in the queue": (START + "pool.submit('x')", 0, "applied x\n", None),
    "sys.exit": (START + "pool.submit('x'); sys.exit(3)", 3, "applied x\n", None),
    "exception": (START + "pool.submit('x'); 1 / 0", 1, "applied x\n", "ZeroDivisionError"),
    "inside with": ("import mempool\nwith mempool.Pool(listen_host='') as pool: raise SystemExit(4)", 4, "", None),
    "nobody holds it": (START + "pool.submit('x'); del pool", 0, "applied x\n", None),
    "several pools": (START + "more = [mempool.Pool(listen_port=0) for _ in range(4)]\nfor one in more: one.start()", 0, "", None),
    "never started": ("import mempool\npool = mempool.Pool()\npool.on_event(print)\nevents = pool.subscribe()", 0, "", None),
    "stopped": (START + "pool.stop()", 0, "", None),
    "daemon thread in an iterator": (
        START + "events = pool.subscribe(); threading.Thread(target=lambda: list(events), daemon=True).start()",
        0,
        "",
        None,
    ),
    "daemon thread that submits": (
        START.replace('print("applied", tx.data.decode(), flush=True)', "pass")
        + """
def produce():
    while True:
        try: pool.submit('x')
        except mempool.Full: pass
        except mempool.Closed: time.sleep(0)
threading.Thread(target=produce, daemon=True).start()
""",
        0,
        "",
        None,
    ),
    "busy callbacks": (START + "pool.on_event(lambda event: None)\nfor _ in range(1000): pool.publish('x')", 0, "", None),
    # apply does not return in time: its thread wants the GIL back while the interpreter ends, or after
    "apply that sleeps": (
        """
import threading, time
import mempool
entered = threading.Event()
def apply(batch):
    entered.set()
    time.sleep(0.3)
pool = mempool.Pool(apply, listen_host="", drain_timeout_ms=0)
pool.on_event(lambda event: None)
pool.start()
pool.submit("x")
entered.wait(10)
""",
        0,
        "",
        None,
    ),
    "apply that never returns": (
        """
import threading
import mempool
entered = threading.Event()
def apply(batch):
    entered.set()
    while True: list(range(1000))
pool = mempool.Pool(apply, listen_host="", drain_timeout_ms=50)
pool.start()
pool.submit("x")
entered.wait(10)
""",
        0,
        "",
        None,
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_ends_cleanly(name: str, run_python: Callable[..., Any]) -> None:
    """The interpreter ends with its own status and no word more, and what was accepted is applied."""
    program, status, out, err = PROGRAMS[name]
    for _ in range(5):
        done = run_python(program)
        assert (done.returncode, done.stdout) == (status, out), done.stderr
        assert err in done.stderr if err else done.stderr == ""


def test_a_forked_child_has_pools_of_its_own(run_python: Callable[..., Any]) -> None:
    """In a child of fork the parent's pool answers Forked and can be dropped, a new pool works, and the child ends cleanly."""
    done = run_python(
        """
import os, sys
import mempool
pool = mempool.Pool(listen_host="")
pool.start()
events = pool.subscribe()
child = os.fork()
if child == 0:
    for call in (lambda: pool.submit("x"), lambda: pool.stop(), lambda: pool.state, lambda: next(events)):
        try: call()
        except mempool.Forked: pass
        else: sys.exit("no Forked")
    assert "FORKED" in repr(pool)
    with mempool.Pool(listen_host="") as own:
        assert own.submit("x").wait(10).status == "applied"
    del pool
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert pool.submit("x").wait(10).id == 1
""",
        "-W",
        "ignore::DeprecationWarning",  # 3.12 warns of fork beside threads
    )
    assert (done.returncode, done.stderr) == (0, "")
