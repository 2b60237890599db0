# SPDX-License-Identifier: MIT
"""A pool that listens, as Python sees it."""

from __future__ import annotations

import errno
import json
import urllib.request

import pytest

import mempool


def test_a_pool_listens_on_a_free_port(deadline: float) -> None:
    """listen_port=0 takes a free port; url and repr have the real one."""
    with mempool.Pool(listen_port=0) as pool:
        assert pool.port > 0
        assert pool.url == f"http://127.0.0.1:{pool.port}"
        assert repr(pool) == f"<mempool.Pool {pool.url} RUNNING>"


def test_http_and_python_share_the_queue(deadline: float) -> None:
    """What a client posts and what Python submits have ids from one queue, and Python hears both applied."""
    with mempool.Pool(listen_port=0) as pool:
        events = pool.subscribe(timeout=deadline)
        with urllib.request.urlopen(pool.url + "/tx", data=b"from http", timeout=deadline) as answer:
            assert (answer.status, json.load(answer)["id"]) == (202, "1")
        assert pool.submit("from python").id == 2
        heard = 0
        while heard < 2:
            event = next(events)
            assert isinstance(event, mempool.Batch)
            heard += event.applied


def test_a_port_in_use_is_told(deadline: float) -> None:
    """A second pool on the port raises AddressInUse, an OSError with EADDRINUSE, and stays OPEN; the first is untouched."""
    with mempool.Pool(listen_port=0) as first:
        second = mempool.Pool(listen_port=first.port)
        with pytest.raises(mempool.AddressInUse, match=str(first.port)) as raised:
            second.start()
        assert raised.value.errno == errno.EADDRINUSE
        assert second.state == "OPEN"
        assert first.submit("x").wait(deadline).status == "applied"


def test_replace_takes_the_port_over(deadline: float) -> None:
    """Pool(replace=True) first stops the pool of this process that holds the port."""
    with mempool.Pool(listen_port=0) as finder:
        port = finder.port
    first = mempool.Pool(listen_port=port)
    first.start()
    with mempool.Pool(listen_port=port, replace=True) as second:
        assert (first.state, second.state, second.port) == ("STOPPED", "RUNNING", port)


def test_a_host_is_an_address() -> None:
    """listen_host that is no IP address is refused with its value; nothing is started."""
    with pytest.raises(mempool.Invalid, match="example.org"):
        with mempool.Pool(listen_host="example.org"):
            pass
