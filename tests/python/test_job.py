# SPDX-License-Identifier: MIT
"""The job that all of this is for, with real processes and real clients."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from browser import open_page, wait_for_text
from clients import LIMIT_S, Http, Lines, PoolProcess, end, program, until
from compiled import compile_library

PRODUCER = Path(__file__).parent.parent / "capi" / "producer.c"
SAID = "batch applied 2/3 txs"
MEMPOOL_OK = 0


def curl(*arguments: str) -> str:
    return subprocess.run(
        [program("curl"), "--silent", "--show-error", "--noproxy", "*", "--max-time", str(LIMIT_S), *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT_S,
    ).stdout


def test_the_job(tmp_path: Path) -> None:
    """In one process, transactions of curl, a Python thread and C code make one batch; apply rejects one; websocat, a page in
    Chromium, a C callback and a Python iterator all hear of it."""
    producer = compile_library(PRODUCER, tmp_path)
    # The third transaction starts the tick; no clock has a part in it.
    with PoolProcess(batch_max=3, batch_interval_ms=60000) as pool:
        stream = f"ws://127.0.0.1:{pool.port}/ws/mempool"
        websocat = subprocess.Popen([program("websocat"), stream], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            with open_page(pool.url) as page:
                assert pool.ask("load_c", producer) == MEMPOOL_OK
                pool.ask("iterate")
                until(lambda: pool.ask("publish", "anybody there?") == 4, "four listeners")

                by_curl = json.loads(curl("--data-binary", "pay bob 5", f"{pool.url}/tx"))
                by_thread = pool.ask("submit_by_a_thread", "pay eve 1")
                by_c = pool.ask("submit_by_c", "rob bob 5")
                assert (by_curl["id"], by_thread, by_c) == ("1", 2, 3)

                Lines(websocat).until(SAID)
                wait_for_text(page, "#events li", SAID)
                until(lambda: SAID in pool.ask("heard_by_c"), "the C callback hears the batch")
                until(lambda: SAID in pool.ask("heard_by_python"), "the Python iterator hears the batch")

                with Http(pool.port) as http:
                    outcomes = [http.ask("GET", f"/tx/{id}").json for id in (1, 2, 3)]
                assert outcomes == [
                    {"id": "1", "status": "applied", "batch": "1"},
                    {"id": "2", "status": "applied", "batch": "1"},
                    {"id": "3", "status": "rejected", "reason": "unknown verb", "batch": "1"},
                ]
                # Nobody heard anything else, or twice.
                for heard in (pool.ask("heard_by_c"), pool.ask("heard_by_python")):
                    assert [text for text in heard if text != "anybody there?"] == [SAID]
        finally:
            end(websocat)
