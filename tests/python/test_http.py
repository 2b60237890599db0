# SPDX-License-Identifier: MIT
"""HTTP as docs/spec/wire.md has it, against the real socket, byte for byte."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

import mempool
from clients import LIMIT_S, Http, until

Listen = Callable[..., mempool.Pool]


class Gate:
    """An apply that says that it was entered, and goes on once it is let. Rejects what does not begin with "pay"."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()

    def __call__(self, batch: mempool.TxBatch) -> None:
        self.entered.set()
        assert self.open.wait(LIMIT_S)
        for tx in batch:
            if not tx.data.startswith(b"pay"):
                tx.reject('no "verb"')


def outcome(http: Http, id: str) -> object:
    """Asks until it is no longer pending."""
    settled: list[object] = []

    def ask() -> bool:
        answer = http.ask("GET", f"/tx/{id}")
        assert answer.status == 200
        settled.append(answer.json)
        return bool(answer.json["status"] != "pending")

    until(ask, f"transaction {id} is settled")
    return settled[-1]


# ---- POST /tx, GET /tx/{id} ----


def test_a_transaction_is_accepted_and_then_settled(listen: Listen) -> None:
    """POST /tx is 202 with id and Location at once; GET /tx/{id} says pending, then applied, or rejected with the reason."""
    gate = Gate()
    with Http(listen(gate, batch_max=2, batch_interval_ms=60000).port) as http:
        accepted = http.ask("POST", "/tx", b"pay bob 5", "Content-Type: application/octet-stream")
        assert (accepted.status, accepted.headers["location"]) == (202, "/tx/1")
        assert accepted.headers["content-type"] == "application/json"
        assert accepted.json == {"id": "1", "status": "pending", "durability": "memory"}
        assert http.ask("POST", "/tx", b"rob bob 5").json["id"] == "2"
        pending = http.ask("GET", "/tx/1")
        assert (pending.status, pending.json) == (200, {"id": "1", "status": "pending"})
        gate.open.set()
        assert outcome(http, "1") == {"id": "1", "status": "applied", "batch": "1"}
        assert outcome(http, "2") == {"id": "2", "status": "rejected", "reason": 'no "verb"', "batch": "1"}


def test_the_body_is_the_transaction(listen: Listen) -> None:
    """Every byte of the body comes to apply as it is, sent with a length or in chunks."""
    got: list[bytes] = []
    body = bytes(range(256)) * 4
    with Http(listen(lambda batch: got.extend(tx.data for tx in batch)).port) as http:
        outcome(http, http.ask("POST", "/tx", body).json["id"])
        http.send(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\npay\r\n4\r\n bob\r\n0\r\n\r\n")
        outcome(http, http.answer().json["id"])
    assert got == [body, b"pay bob"]


def test_no_cache_may_keep_an_answer(listen: Listen) -> None:
    """`pending` of a moment ago must not be told by a proxy as of now; the page may be kept, and is asked for anew each time."""
    with Http(listen(metrics=True).port) as http:
        for method, path in (("POST", "/tx"), ("GET", "/tx/1"), ("GET", "/tx/7"), ("GET", "/stats"), ("GET", "/metrics"), ("GET", "/x")):
            assert http.ask(method, path, b"a" if method == "POST" else None).headers["cache-control"] == "no-store", path
        assert http.ask("GET", "/").headers["cache-control"] == "no-cache"


def test_an_unknown_id_is_404_and_a_forgotten_one_410(listen: Listen) -> None:
    """GET /tx/{id}: 404 for an id that was never given or is none, 410 for an outcome that is no longer kept."""
    with Http(listen(outcomes_capacity=1).port) as http:
        for id in ("1", "0", "18446744073709551616", "-1", "1x", "", "1/2"):
            answer = http.ask("GET", f"/tx/{id}")
            assert (answer.status, answer.json["error"]) == (404, "not_found"), id
        for id in ("1", "2"):
            http.ask("POST", "/tx", b"pay")
            outcome(http, id)
        gone = http.ask("GET", "/tx/1")
        assert (gone.status, gone.json["error"]) == (410, "gone")


def test_an_empty_transaction_is_400(listen: Listen) -> None:
    """An empty body is 400, by a length of 0 or without a length; the connection goes on."""
    with Http(listen().port) as http:
        for body in (b"", None):
            answer = http.ask("POST", "/tx", body)
            assert (answer.status, answer.json["error"]) == (400, "empty")
        assert http.ask("POST", "/tx", b"pay").json["id"] == "1"


@pytest.mark.parametrize("headers", [(), ("Expect: 100-continue",)], ids=["plain", "expect"])
def test_too_large_is_413_before_the_body_is_read(listen: Listen, headers: tuple[str, ...]) -> None:
    """A body over tx_max_bytes is refused when its length is known: no byte of it was sent. The end of the connection follows."""
    with Http(listen(tx_max_bytes=100).port) as http:
        assert http.ask("POST", "/tx", b"x" * 100).status == 202
        http.send("\r\n".join(["POST /tx HTTP/1.1", "Host: localhost", "Content-Length: 101", *headers, "", ""]).encode())
        answer = http.answer()
        assert (answer.status, answer.json["error"], answer.headers["connection"]) == (413, "too_large", "close")
        assert "tx_max_bytes" in answer.json["detail"]
        assert http.rest() == b""


def test_too_large_in_chunks_is_413_and_can_be_read(listen: Listen) -> None:
    """Chunks that pass tx_max_bytes are refused; the client, who writes on, can read the whole answer."""
    with Http(listen(tx_max_bytes=100).port) as http:
        http.send(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        http.send((b"40\r\n" + b"x" * 64 + b"\r\n") * 64)
        answer = http.answer()
        assert (answer.status, answer.json["error"]) == (413, "too_large")
        assert http.rest() == b""


def test_a_full_queue_is_503(listen: Listen) -> None:
    """While the queue is full POST /tx is 503 with Retry-After and nothing is queued; /healthz answers; later it is 202 again."""
    gate = Gate()
    with Http(listen(gate, queue_capacity=1).port) as http:
        http.ask("POST", "/tx", b"pay 1")
        assert gate.entered.wait(LIMIT_S)
        assert http.ask("POST", "/tx", b"pay 2").status == 202
        full = http.ask("POST", "/tx", b"pay 3")
        assert (full.status, full.json["error"]) == (503, "full")
        assert int(full.headers["retry-after"]) >= 1
        assert http.ask("GET", "/healthz").status == 200
        gate.open.set()
        outcome(http, "2")
        assert http.ask("POST", "/tx", b"pay 4").json["id"] == "3"


# ---- routes and methods ----


def test_unknown_paths_are_404(listen: Listen) -> None:
    """A path that is unknown is 404 as JSON; the connection goes on."""
    with Http(listen().port) as http:
        for path in ("/nothing", "/tx2", "/ws/other", "/ws", "//", "/%2e%2e/etc"):
            answer = http.ask("GET", path)
            assert (answer.status, answer.json["error"]) == (404, "not_found"), path
            assert answer.json["detail"]


def test_the_query_does_not_change_the_route(listen: Listen) -> None:
    """What stands after the question mark is no part of the path."""
    with Http(listen().port) as http:
        assert http.ask("GET", "/healthz?a=b").status == 200
        assert http.ask("POST", "/tx?x=/y", b"pay").status == 202


@pytest.mark.parametrize(
    "method, path, allow",
    [
        ("GET", "/tx", {"POST"}),
        ("DELETE", "/tx", {"POST"}),
        ("POST", "/tx/1", {"GET", "HEAD"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
        ("PUT", "/", {"GET", "HEAD"}),
        ("POST", "/ws/mempool", {"GET"}),
        ("BREW", "/healthz", {"GET", "HEAD"}),
    ],
)
def test_another_method_is_405(listen: Listen, method: str, path: str, allow: set[str]) -> None:
    """A known path with another method is 405 and says which it takes."""
    with Http(listen().port) as http:
        answer = http.ask(method, path, b"")
        assert (answer.status, answer.json["error"]) == (405, "method_not_allowed")
        assert set(answer.headers["allow"].split(", ")) == allow


def test_head_is_get_without_a_body(listen: Listen) -> None:
    """HEAD answers with GET's headers, Content-Length among them, and no body."""
    with Http(listen().port) as http:
        for path in ("/", "/healthz", "/nothing"):
            get, head = http.ask("GET", path), http.ask("HEAD", path)
            assert (head.status, head.body) == (get.status, b"")
            assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
        assert http.ask("GET", "/healthz").status == 200


def test_the_page_is_html(listen: Listen) -> None:
    """GET / is the page; with dashboard off it is 404."""
    with Http(listen().port) as http:
        page = http.ask("GET", "/")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert page.body.startswith(b"<!doctype html>")
    with Http(listen(dashboard=False).port) as http:
        assert http.ask("GET", "/").status == 404


# ---- the connection ----


def test_a_connection_is_kept(listen: Listen) -> None:
    """HTTP/1.1 is kept open after an answer, an error among them, unless the client says close."""
    with Http(listen().port) as http:
        for number in range(1, 4):
            assert http.ask("POST", "/tx", b"pay").json["id"] == str(number)
            assert http.ask("GET", "/nothing").status == 404
        last = http.ask("GET", "/healthz", None, "Connection: close")
        assert (last.status, last.headers["connection"]) == (200, "close")
        assert http.rest() == b""


def test_http_1_0_gets_an_answer_and_a_close(listen: Listen) -> None:
    """HTTP/1.0 gets its answer and the end of the connection."""
    with Http(listen().port) as http:
        assert http.ask("GET", "/healthz", version="1.0").status == 200
        assert http.rest() == b""


def test_two_pipelined_posts_get_two_answers_in_order(listen: Listen) -> None:
    """Two POSTs in one write are two transactions in that order, each with its own body, and two answers."""
    got: list[bytes] = []
    with Http(listen(lambda batch: got.extend(tx.data for tx in batch)).port) as http:
        http.send(b"".join(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\npay %d" % number for number in (1, 2)))
        first, second = http.answer(), http.answer()
        assert (first.status, first.json["id"]) == (202, "1")
        assert (second.status, second.json["id"]) == (202, "2")
        outcome(http, "2")
    assert got == [b"pay 1", b"pay 2"]


def test_a_request_in_single_bytes_is_one_request(listen: Listen) -> None:
    """However the bytes of a request arrive, it is read as one."""
    with Http(listen().port) as http:
        for byte in b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\npay":
            http.send(bytes([byte]))
        assert http.answer().status == 202


def test_expect_continue(listen: Listen) -> None:
    """With Expect: 100-continue the server says 100 before the body is sent, then answers as ever."""
    with Http(listen().port) as http:
        http.send(b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert http.answer().status == 100
        http.send(b"pay")
        assert http.answer().status == 202


@pytest.mark.parametrize(
    "raw, status",
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400),
        (b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 20000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    ],
    ids=["no request", "space before the colon", "negative length", "long header", "long target", "HTTP/2.0"],
)
def test_what_cannot_be_read_is_refused(listen: Listen, raw: bytes, status: int) -> None:
    """A request that can't be read gets its answer, whole, and the end of the connection."""
    with Http(listen().port) as http:
        http.send(raw)
        answer = http.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        assert {"error", "detail"} <= answer.json.keys()
        assert http.rest() == b""


def test_max_connections_is_503(listen: Listen) -> None:
    """A connection beyond max_connections gets 503 with Retry-After and its end; when one leaves there is room again."""
    pool = listen(max_connections=1)
    with Http(pool.port) as first:
        assert first.ask("GET", "/healthz").status == 200
        with Http(pool.port) as second:
            refused = second.answer()
            assert (refused.status, refused.json["error"]) == (503, "connections")
            assert int(refused.headers["retry-after"]) >= 1
            assert second.rest() == b""

    def there_is_room() -> bool:
        with Http(pool.port) as http:
            return http.ask("GET", "/healthz").status == 200

    until(there_is_room, "there is room again")
