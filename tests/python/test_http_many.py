# SPDX-License-Identifier: MIT
"""POST /txs as docs/spec/wire.md has it, against the real socket."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable

import pytest

import mempool
from clients import LIMIT_S, Answer, Http, until
from measures import private_bytes

Listen = Callable[..., mempool.Pool]

NDJSON = "Content-Type: application/x-ndjson"
JSON = "Content-Type: application/json"


def refused(answer: Answer, status: int, error: str) -> str:
    """What it says to people."""
    assert (answer.status, answer.json["error"]) == (status, error), answer
    return str(answer.json["detail"])


def test_lines_and_strings_are_transactions_in_order(listen: Listen) -> None:
    """Each line, or string, is a transaction as it is; the answer has the ids in their order, and each has its outcome."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    with Http(pool.port) as http:
        lines = http.ask("POST", "/txs", b'pay 1\n\n{"pay":2}\r\n\xff\xfe', NDJSON)
        assert (lines.status, lines.headers["content-type"]) == (202, "application/json")
        assert lines.json == {"ids": ["1", "2", "3"], "status": "pending", "durability": "memory"}
        assert "location" not in lines.headers
        strings = http.ask("POST", "/txs", json.dumps(["päy 4", "a\nb"]).encode(), JSON)
        assert (strings.status, strings.json["ids"]) == (202, ["4", "5"])
        assert http.ask("GET", "/tx/5?wait=20").json["status"] == "applied"
    assert got == [b"pay 1", b'{"pay":2}', b"\xff\xfe", "päy 4".encode(), b"a\nb"]


def test_any_other_type_is_415(listen: Listen) -> None:
    """A type that is none of the two, or none at all, is 415 and says which are taken; nothing is queued."""
    pool = listen()
    with Http(pool.port) as http:
        for headers in (("Content-Type: text/plain",), ("Content-Type: application/x-www-form-urlencoded",), ()):
            answer = http.ask("POST", "/txs", b'["pay"]', *headers)
            refused(answer, 415, "unsupported_media_type")
            assert answer.headers["accept"] == "application/x-ndjson, application/json"
        assert http.ask("POST", "/txs", b'["pay"]', JSON + "; charset=utf-8").json["ids"] == ["1"]
    assert pool.stats.accepted == 1


@pytest.mark.parametrize(
    "body, kind, status, error",
    [
        (b"", NDJSON, 400, "empty"),
        (b"\r\n\n", NDJSON, 400, "empty"),
        (b"[]", JSON, 400, "empty"),
        (b'["pay",""]', JSON, 400, "empty"),
        (b'["pay"', JSON, 400, "bad_request"),
        (b'["pay",1]', JSON, 400, "bad_request"),
        (b"[" * 100_000, JSON, 400, "bad_request"),
        (b"pay\n" + b"x" * 101, NDJSON, 413, "too_large"),
        (b'["pay","' + b"x" * 101 + b'"]', JSON, 413, "too_large"),
        (b"x\n" * 11, NDJSON, 413, "too_large"),
    ],
    ids=["no lines", "empty lines", "no strings", "empty string", "cut", "number", "deep", "long line", "long string", "too many"],
)
def test_all_or_nothing(listen: Listen, body: bytes, kind: str, status: int, error: str) -> None:
    """One that can't be taken, and none is: nothing was queued, and the connection goes on."""
    pool = listen(tx_max_bytes=100, queue_capacity=10)
    with Http(pool.port) as http:
        refused(http.ask("POST", "/txs", body, kind), status, error)
        assert pool.stats.accepted == 0
        assert http.ask("POST", "/txs", b"pay", NDJSON).json["ids"] == ["1"]


def test_a_queue_without_room_for_all_is_503_and_takes_none(listen: Listen) -> None:
    """Three of which two would fit are 503 with Retry-After, and none of them is queued; then two are taken."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        assert go_on.wait(LIMIT_S)

    pool = listen(apply, queue_capacity=3)
    with Http(pool.port) as http:
        http.ask("POST", "/tx", b"held")
        assert entered.wait(LIMIT_S)
        assert http.ask("POST", "/tx", b"waits").status == 202
        full = http.ask("POST", "/txs", b"a\nb\nc", NDJSON)
        refused(full, 503, "full")
        assert int(full.headers["retry-after"]) >= 1
        assert (pool.stats.accepted, pool.stats.queue_length) == (2, 1)
        assert http.ask("POST", "/txs", b"a\nb", NDJSON).json["ids"] == ["3", "4"]
        go_on.set()


def test_its_body_may_be_larger_than_a_transaction(listen: Listen) -> None:
    """Up to request_max_bytes for POST /txs, however they are sent; tx_max_bytes stays the limit of every other path."""
    with Http(listen(tx_max_bytes=10, request_max_bytes=1000).port) as http:
        body = (b"x" * 9 + b"\n") * 100
        assert len(http.ask("POST", "/txs", body, NDJSON).json["ids"]) == 100
        http.send(b"POST /txs?x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" + NDJSON.encode() + b"\r\n\r\n")
        http.send(b"3E8\r\n" + body + b"\r\n0\r\n\r\n")
        assert len(http.answer().json["ids"]) == 100
        http.send(b"POST http://localhost/txs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n" + NDJSON.encode() + b"\r\n\r\n" + body[:11])
        assert http.answer().status == 202
        http.send(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n")
        assert "tx_max_bytes" in refused(http.answer(), 413, "too_large")


@pytest.mark.parametrize("framing", ["Content-Length: 1001\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n3E9\r\n" + "x" * 1001])
def test_a_body_too_large_is_413(listen: Listen, framing: str) -> None:
    """By its length before a byte of it was read, in chunks as soon as it is passed; the end of the connection follows."""
    with Http(listen(request_max_bytes=1000).port) as http:
        http.send(f"POST /txs HTTP/1.1\r\nHost: localhost\r\n{NDJSON}\r\n{framing}".encode())
        answer = http.answer()
        assert "1000 bytes (request_max_bytes)" in refused(answer, 413, "too_large")
        assert answer.headers["connection"] == "close"
        assert http.rest() == b""


def test_it_does_not_wait(listen: Listen) -> None:
    """?wait= is 400 and says what to do instead; a Prefer header is left alone; another method is 405."""
    pool = listen()
    with Http(pool.port) as http:
        assert "does not wait for outcomes" in refused(http.ask("POST", "/txs?wait=5", b"pay", NDJSON), 400, "bad_request")
        refused(http.ask("POST", "/txs?wait=x", b"pay", NDJSON), 400, "bad_request")
        assert pool.stats.accepted == 0
        assert http.ask("POST", "/txs?wait=0", b"pay", NDJSON).status == 202
        assert http.ask("POST", "/txs", b"pay", NDJSON, "Prefer: wait=5").status == 202
        get = http.ask("GET", "/txs")
        refused(get, 405, "method_not_allowed")
        assert get.headers["allow"] == "POST"


def test_many_large_bodies_at_once_are_503(listen: Listen) -> None:
    """What has come of all bodies has queue_bytes together: beyond that one is 503, until another has gone. Who announces much and sends
    nothing takes nobody's room."""
    pool = listen(queue_bytes=65536, request_max_bytes=65536, tx_max_bytes=1000)
    head = f"POST /txs HTTP/1.1\r\nHost: localhost\r\n{NDJSON}\r\nContent-Length: 64000\r\n\r\n".encode()
    body = (b"y" * 98 + b"\n") * 646 + b"\n" * 46
    with Http(pool.port) as first, Http(pool.port) as second, Http(pool.port) as third:
        second.send(head)
        assert asked_for_room(pool) == 400
        first.send(head + body[:62000])
        until(lambda: asked_for_room(pool) == 503, "the first has its share")
        second.send(body[:36000])
        full = second.answer()
        refused(full, 503, "full")
        assert (int(full.headers["retry-after"]), full.headers["connection"]) == (1, "close")
        assert third.ask("POST", "/tx", b"pay").status == 202
        assert third.ask("POST", "/txs", b"pay", NDJSON).status == 202
        first.send(body[62000:])
        assert first.answer().status == 202
        pool.flush()  # queue_bytes are the queue's too
        assert third.ask("POST", "/txs", b"z\n" * 20000, NDJSON).status == 202
        first.send(head + body[:62000])
        until(lambda: asked_for_room(pool) == 503, "it has its share again")
    until(lambda: asked_for_room(pool) == 400, "who has gone has left its share")


def asked_for_room(pool: mempool.Pool) -> int:
    """The status of a request that has nothing in it; so short that it comes in one piece and takes nobody's room while others come."""
    with Http(pool.port) as http:
        return http.ask("POST", "/txs", b"\n" * 6000, NDJSON).status


def test_what_an_answer_took_is_given_back(listen: Listen) -> None:
    """24 connections that were answered 65,536 ids each, half a megabyte, and are kept, hold no memory for it (at most 6 MiB in all)."""
    with open("/proc/self/maps", encoding="ascii") as maps:
        if "libasan" in maps.read():
            pytest.skip("AddressSanitizer keeps what was freed")
    pool = listen()
    with contextlib.ExitStack() as stack:

        def ask(http: Http) -> None:
            assert http.ask("POST", "/txs", b"x\n" * 65536, NDJSON, "Idempotency-Key: k").status == 202

        first = stack.enter_context(Http(pool.port))
        for _ in range(4):
            ask(first)
        before = private_bytes(os.getpid())
        for _ in range(24):
            ask(stack.enter_context(Http(pool.port)))
        assert private_bytes(os.getpid()) - before < 6 << 20


def test_a_body_of_four_mebibytes(listen: Listen) -> None:
    """65,536 transactions in one request of 4 MiB, the defaults' most: each has its id."""
    pool = listen()
    with Http(pool.port) as http:
        ids = http.ask("POST", "/txs", (b"x" * 63 + b"\n") * 65536, NDJSON).json["ids"]
        assert ids == [str(id) for id in range(1, 65537)]
        assert http.ask("GET", "/tx/65536?wait=20").json["status"] == "applied"
