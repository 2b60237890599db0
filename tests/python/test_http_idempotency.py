# SPDX-License-Identifier: MIT
"""Idempotency-Key as docs/spec/wire.md has it, against the real socket; row 14 of docs/spec/bad-inputs.md."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest

import mempool
from clients import LIMIT_S, Http, until

Listen = Callable[..., mempool.Pool]

NDJSON = "Content-Type: application/x-ndjson"
JSON = "Content-Type: application/json"


def key(text: str) -> str:
    return f"Idempotency-Key: {text}"


def test_a_client_that_dies_before_its_202_finds_the_same_id(listen: Listen) -> None:
    """Row 14: a client sends its transaction and is gone by a reset before it reads the 202: the transaction is kept and applied once; who
    asks again with the key is told its id and outcome."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    dying = Http(pool.port)
    dying.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dying.send(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Length: 9\r\n\r\npay bob 5")
    until(lambda: pool.stats.accepted == 1, "the transaction is accepted")
    dying.close()
    with Http(pool.port) as http:
        again = http.ask("POST", "/tx", b"pay bob 5", key("k"))
        assert (again.status, again.headers["location"]) == (202, "/tx/1")
        assert again.json == {"id": "1", "status": "pending", "durability": "memory"}
        settled = http.ask("POST", "/tx?wait=20", b"pay bob 5", key("k"))
        assert (settled.status, settled.json["id"], settled.json["status"]) == (200, "1", "applied")
        assert http.ask("POST", "/tx", b"pay bob 6", key("other")).json["id"] == "2"
        assert http.ask("GET", "/tx/2?wait=20").status == 200
    assert got == [b"pay bob 5", b"pay bob 6"]


def test_another_body_is_422(listen: Listen) -> None:
    """The key with another body is 422 key_conflict, nothing is queued, and the key still stands for the first."""
    pool = listen()
    with Http(pool.port) as http:
        assert http.ask("POST", "/tx", b"pay bob 5", key("k")).json["id"] == "1"
        answer = http.ask("POST", "/tx", b"pay bob 6", key("k"))
        assert (answer.status, answer.json["error"]) == (422, "key_conflict")
        assert http.ask("POST", "/tx", b"pay bob 5", key("k")).json["id"] == "1"
    assert pool.stats.accepted == 1


def test_many_have_one_key(listen: Listen) -> None:
    """POST /txs with its key again gives the same ids, as lines or as strings; fewer, others or another order is 422."""
    pool = listen()
    with Http(pool.port) as http:
        first = http.ask("POST", "/txs", b"a\nb\nc\n", NDJSON, key("k"))
        for body, kind in ((b"a\nb\nc\n", NDJSON), (b"a\r\nb\r\nc", NDJSON), (b'["a","b","c"]', JSON)):
            again = http.ask("POST", "/txs", body, kind, key("k"))
            assert (again.status, again.body) == (202, first.body)
        for other in (b"a\nb", b"a\nc\nb", b"a\nb\nd", b"abc"):
            assert http.ask("POST", "/txs", other, NDJSON, key("k")).json["error"] == "key_conflict"
        assert http.ask("POST", "/tx", b"a", key("k")).status == 422
        assert http.ask("POST", "/txs", b"a\nb\nc\n", NDJSON).json["ids"] == ["4", "5", "6"]
    assert pool.stats.accepted == 6


def test_the_outcome_is_told_again(listen: Listen) -> None:
    """Two who wait with one key hear the one outcome, a rejection and its reason too."""

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            tx.reject("no")

    pool = listen(apply, batch_interval_ms=50)
    with Http(pool.port) as one, Http(pool.port) as two:
        for http in (one, two):
            http.send(b"POST /tx?wait=20 HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k\r\nContent-Length: 3\r\n\r\npay")
        told = [http.answer().json for http in (one, two)]
    assert told == [{"id": "1", "status": "rejected", "reason": "no", "batch": "1"}] * 2


def test_a_refused_submission_leaves_its_key_free(listen: Listen) -> None:
    """503, 400, 413, 415: the key can still be used, for something else too. While the queue is full an old key gets its id all the same."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        assert go_on.wait(LIMIT_S)

    pool = listen(apply, queue_capacity=1, tx_max_bytes=5)
    with Http(pool.port) as http:
        http.ask("POST", "/tx", b"held")
        assert entered.wait(LIMIT_S)
        assert http.ask("POST", "/tx", b"full", key("old")).json["id"] == "2"
        assert http.ask("POST", "/tx", b"more", key("k")).status == 503
        assert http.ask("POST", "/tx", b"full", key("old")).json["id"] == "2"
        assert http.ask("POST", "/txs", b"toolong", NDJSON, key("k")).status == 413
        assert http.ask("POST", "/txs", b"text", "Content-Type: text/plain", key("k")).status == 415
        assert http.ask("POST", "/tx", b"", key("k")).status == 400
        go_on.set()
        assert http.ask("GET", "/tx/2?wait=20").status == 200
        assert http.ask("POST", "/tx", b"other", key("k")).json["id"] == "3"


def test_the_oldest_keys_go_first(listen: Listen) -> None:
    """idempotency_capacity keys are remembered; with 0 the header is left alone."""
    with Http(listen(idempotency_capacity=2).port) as http:
        for number, name in enumerate("abc", 1):
            assert http.ask("POST", "/tx", b"pay", key(name)).json["id"] == str(number)
        assert http.ask("POST", "/tx", b"pay", key("b")).json["id"] == "2"
        assert http.ask("POST", "/tx", b"pay", key("a")).json["id"] == "4"
    with Http(listen(idempotency_capacity=0).port) as http:
        assert [http.ask("POST", "/tx", body, key("k")).json["id"] for body in (b"pay", b"pay", b"rob")] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "headers",
    [(key("x" * 256),), (key(""),), (key("a"), key("a"))],
    ids=["256 bytes", "empty", "two"],
)
def test_a_key_that_is_none_is_400(listen: Listen, headers: tuple[str, ...]) -> None:
    """More than 255 bytes, none, or two headers: 400 and nothing queued; 255 bytes are taken, and the name has no case."""
    pool = listen()
    with Http(pool.port) as http:
        for path in ("/tx", "/txs"):
            answer = http.ask("POST", path, b"pay", NDJSON, *headers)
            assert (answer.status, answer.json["error"]) == (400, "bad_request")
        assert pool.stats.accepted == 0
        assert http.ask("POST", "/tx", b"pay", key("x" * 255)).json["id"] == "1"
        assert http.ask("POST", "/tx", b"pay", key("x" * 255).lower()).json["id"] == "1"
