# SPDX-License-Identifier: MIT
"""Every answer that docs/openapi.yaml describes can be had of the server, and is as described; a description that were wrong would be found.

test_openapi.py makes requests that nobody thought of; these are the ones that somebody has to think of: a full queue, a drain, a key that came before."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest

import mempool
from clients import LIMIT_S, Answer, EventStream, Http, handshake, until
from described import DOCS, OPENAPI, at, planted, undescribed
from mempool import _core

NDJSON, JSON = "Content-Type: application/x-ndjson", "Content-Type: application/json"
KEY = "Idempotency-Key: 7d3f1c1e"
OPENMETRICS = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"


class Row(NamedTuple):
    """A request to a server in that state, and what comes of it."""

    method: str
    path: str
    status: int
    state: str = "open"
    target: str = ""  # where it is not the path
    body: bytes | None = None
    headers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.target or self.path} {self.status} {self.state}"


ROWS = [
    Row("post", "/tx", 200, target="/tx?wait=20", body=b"even"),
    Row("post", "/tx", 200, target="/tx?wait=20", body=b"odd"),
    Row("post", "/tx", 202, body=b"even"),
    Row("post", "/tx", 202, body=b"first", headers=(KEY,)),
    Row("post", "/tx", 400, body=b""),
    Row("post", "/tx", 400, body=b"x", headers=("Idempotency-Key: ",)),
    Row("post", "/tx", 408, "hasty bodies", body=None, headers=("Content-Length: 5",)),
    Row("post", "/tx", 413, body=b"x" * 101),
    Row("post", "/tx", 422, body=b"second", headers=(KEY,)),
    Row("post", "/tx", 503, "full", body=b"x"),
    Row("post", "/tx", 503, "draining", body=b"x"),
    Row("post", "/txs", 202, body=b"a\nb\r\n\n", headers=(NDJSON,)),
    Row("post", "/txs", 202, body=b'["a","b"]', headers=(JSON, "Idempotency-Key: another")),
    Row("post", "/txs", 202, body=b'["first"]', headers=(JSON, KEY)),
    Row("post", "/txs", 400, body=b"\n", headers=(NDJSON,)),
    Row("post", "/txs", 400, body=b'["a",1]', headers=(JSON,)),
    Row("post", "/txs", 400, target="/txs?wait=5", body=b"a", headers=(NDJSON,)),
    Row("post", "/txs", 408, "hasty bodies", body=None, headers=("Content-Length: 5", NDJSON)),
    Row("post", "/txs", 413, body=b"x" * 1001, headers=(NDJSON,)),
    Row("post", "/txs", 413, body=b"a\n" * 6, headers=(NDJSON,)),
    Row("post", "/txs", 415, body=b"a"),
    Row("post", "/txs", 415, body=b"a", headers=("Content-Type: text/plain",)),
    Row("post", "/txs", 422, body=b"second", headers=(NDJSON, KEY)),
    Row("post", "/txs", 503, "full", body=b"x", headers=(NDJSON,)),
    Row("post", "/txs", 503, "draining", body=b"x", headers=(NDJSON,)),
    Row("get", "/tx/{id}", 200, target="/tx/2?wait=20"),
    Row("get", "/tx/{id}", 200, "full", target="/tx/1"),
    Row("get", "/tx/{id}", 400, target="/tx/2?wait=soon"),
    Row("get", "/tx/{id}", 404, target="/tx/99"),
    Row("get", "/tx/{id}", 410, target="/tx/1"),
    Row("get", "/events/mempool", 200),
    Row("get", "/events/mempool", 200, target="/events/mempool?format=json&since=0", headers=("Last-Event-ID: e:1",)),
    Row("get", "/events/mempool", 400, headers=("Last-Event-ID: here",)),
    Row("get", "/events/mempool", 400, target="/events/mempool?slow=lag"),
    Row("get", "/events/mempool", 503, "draining"),
    Row("get", "/ws/mempool", 101, headers=tuple(handshake().decode().split("\r\n")[2:-2])),
    Row("get", "/ws/mempool", 400, target="/ws/mempool?slow=lag", headers=tuple(handshake().decode().split("\r\n")[2:-2])),
    Row("get", "/ws/mempool", 426),
    Row("get", "/ws/mempool", 503, "draining", headers=("Upgrade: websocket",)),
    Row("get", "/stats", 200),
    Row("get", "/stats", 200, "draining"),
    Row("get", "/metrics", 200),
    Row("get", "/metrics", 200, headers=(OPENMETRICS,)),
    Row("get", "/metrics", 404, "off"),
    Row("get", "/readyz", 200),
    Row("get", "/readyz", 503, "full"),
    Row("get", "/readyz", 503, "draining"),
    Row("get", "/healthz", 200),
    Row("get", "/healthz", 200, "draining"),
    Row("get", "/", 200),
    Row("get", "/", 404, "off"),
]
OPERATIONS = [(method, path) for path, node in OPENAPI["paths"].items() for method in node]
ROWS += [
    Row(method, path, status, state, path.format(id=1), headers=headers)
    for method, path in OPERATIONS
    for status, state, headers in ((403, "open", ("Host: evil.example",)), (429, "hasty", ()), (503, "crowded", ()))
]

OPTIONS: dict[str, dict[str, Any]] = {
    "full": {"queue_capacity": 1},
    "off": {"metrics": "off", "dashboard": "off"},
    "hasty bodies": {"body_timeout_ms": 100},
    "hasty": {"rate_limit_connections": 1},
    "crowded": {"max_connections": 1},
}


@contextmanager
def server(state: str) -> Iterator[int]:
    """A server in that state; its port. Its limits are small, and it has one outcome (of id 2) and one key (of `first`)."""
    entered, go_on = threading.Event(), threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        entered.set()
        if state in ("full", "draining"):
            assert go_on.wait(LIMIT_S)
        for tx in batch:
            if len(tx.data) % 2:
                tx.reject("odd")

    options = {"tx_max_bytes": 100, "request_max_bytes": 1000, "queue_capacity": 5, "outcomes_capacity": 1, "slow_allowed": "latest,close"}
    options |= {"slow_default": "latest", **OPTIONS.get(state, {})}
    with mempool.Pool(apply, listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0, **options) as pool, ExitStack() as stack:
        stack.callback(go_on.set)
        if state in ("full", "draining"):
            pool.submit(b"in apply")
            assert entered.wait(LIMIT_S)
        if state == "full":
            pool.submit(b"in the queue")
        elif state == "draining":
            pool.request_stop()
        elif state in ("hasty", "crowded"):
            assert stack.enter_context(Http(pool.port)).ask("GET", "/healthz").status == 200
        elif state == "open":
            with Http(pool.port) as http:
                assert http.ask("POST", "/tx?wait=20", b"first", KEY).status == 200
                assert http.ask("POST", "/tx?wait=20", b"more").status == 200
                until(lambda: http.ask("GET", "/tx/1").status == 410, "its outcome is no longer kept")
        yield pool.port


def asked(row: Row, port: int) -> Answer:
    """What the server answers to it; of a stream the beginning."""
    target = row.target or row.path
    if row.path == "/events/mempool" and row.status == 200:
        with EventStream(port, target, *row.headers) as stream:
            return Answer(stream.status, stream.headers, f"id: {stream.next().id}\n\n".encode())
    with Http(port) as http:
        if row.state in ("hasty", "crowded"):
            return http.answer()  # it is refused before it asks
        if any(line.startswith("Host:") for line in row.headers):
            http.send(f"{row.method.upper()} {target} HTTP/1.1\r\n{row.headers[0]}\r\n\r\n".encode())
            return http.answer()
        return http.ask(row.method.upper(), target, row.body, *row.headers)


def test_every_answer_that_is_described_is_asked_for() -> None:
    """Each status of each operation, and nothing else, has its row; so has each type that an answer may be of."""
    described = {(method, path, int(status)) for method, path in OPERATIONS for status in at(OPENAPI, "paths", path, method, "responses")}
    assert {row[:3] for row in ROWS} == described
    assert list(at(OPENAPI, "paths", "/metrics", "get", "responses", "200", "content")) == [
        type_of(Row("get", "/metrics", 200)),
        type_of(Row("get", "/metrics", 200, headers=(OPENMETRICS,))),
    ]


def type_of(row: Row) -> str:
    with server(row.state) as port:
        return asked(row, port).headers["content-type"]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_answer_is_as_described(row: Row) -> None:
    """Its status is the one that was meant; its headers, type and body are what the page says."""
    with server(row.state) as port:
        answer = asked(row, port)
    assert answer.status == row.status, answer
    assert undescribed(OPENAPI, row.path, row.method, answer) == []


def responses(path: str, method: str, status: int) -> tuple[str, ...]:
    return ("paths", path, method, "responses", str(status))


IN_JSON = ("content", "application/json", "schema")
# Where in the page, what it would say there (None: nothing), and the row that tells.
FAULTS = [
    (responses("/tx", "post", 422), None, Row("post", "/tx", 422, body=b"second", headers=(KEY,))),
    (("components", "schemas", "AcceptedMany", "properties", "ids", "items"), {"type": "integer"}, Row("post", "/txs", 202, body=b"a", headers=(NDJSON,))),
    ((*responses("/txs", "post", 415), "headers", "Accept", "schema"), {"const": "application/json"}, Row("post", "/txs", 415, body=b"a")),
    ((*responses("/events/mempool", "get", 200), "content"), {"text/plain": {"schema": {}}}, Row("get", "/events/mempool", 200)),
    ((*responses("/events/mempool", "get", 200), "headers", "Cache-Control", "schema"), {"const": "no-store"}, Row("get", "/events/mempool", 200)),
    ((*responses("/ws/mempool", "get", 426), "headers", "Upgrade", "schema"), {"const": "h2c"}, Row("get", "/ws/mempool", 426)),
    (("components", "schemas", "Stats", "properties", "log_lost"), None, Row("get", "/stats", 200)),
    (("components", "schemas", "Stats", "properties", "pending"), {"type": "string"}, Row("get", "/stats", 200)),
    (("components", "schemas", "Answers", "properties", "5xx"), None, Row("get", "/stats", 200)),
    ((*responses("/metrics", "get", 200), "content", "application/openmetrics-text; version=1.0.0; charset=utf-8"), None, Row("get", "/metrics", 200, headers=(OPENMETRICS,))),
    ((*responses("/metrics", "get", 200), "headers", "Vary", "schema"), {"const": "Origin"}, Row("get", "/metrics", 200)),
    ((*responses("/readyz", "get", 200), *IN_JSON, "properties", "status"), {"const": "ok"}, Row("get", "/readyz", 200)),
    (("components", "schemas", "Error", "properties", "error", "enum"), ["full"], Row("get", "/readyz", 503, "draining")),
    (("components", "headers", "RetryAfter", "schema"), {"type": "integer", "minimum": 2}, Row("get", "/readyz", 503, "full")),
]  # fmt: skip


@pytest.mark.parametrize(("where", "fault", "row"), FAULTS, ids=["/".join(where[1:]) for where, *_ in FAULTS])
def test_a_wrong_description_is_found(where: tuple[str, ...], fault: Any, row: Row) -> None:
    """The same answer is as the page says, and not as it would say with one thing changed."""
    with server(row.state) as port:
        answer = asked(row, port)
    assert undescribed(OPENAPI, row.path, row.method, answer) == []
    assert undescribed(planted(OPENAPI, where, fault), row.path, row.method, answer) != []


def test_stats_are_described_counter_by_counter() -> None:
    """The schema has what /stats has, in its order, no more and no less: the counters of counters.md, and all of them are required."""
    stats, answers = (at(OPENAPI, "components", "schemas", name) for name in ("Stats", "Answers"))
    counters = re.findall(r"^\| `(\w+)` \| `mempool_(?!http_requests)", (DOCS / "counters.md").read_text(), re.MULTILINE)
    assert counters == [name for _, name, *_ in _core.counters()]
    with server("open") as port:
        told = asked(Row("get", "/stats", 200), port).json
    assert list(stats["properties"]) == stats["required"] == list(told) == ["topic", "epoch", "state", *counters, "http_requests"]
    by_route = stats["properties"]["http_requests"]
    assert list(by_route["properties"]) == by_route["required"] == list(told["http_requests"])
    assert all(list(answers["properties"]) == answers["required"] == list(each) for each in told["http_requests"].values())
    assert not any(schema["additionalProperties"] for schema in (stats, answers, by_route))


def test_every_error_word_is_described() -> None:
    """The page and spec/wire.md list the same words."""
    listed = re.search(r"^`error` is one of ([^;]+);", (DOCS / "spec" / "wire.md").read_text(), re.MULTILINE)
    assert listed
    assert re.findall(r"\w+", listed[1]) == at(OPENAPI, "components", "schemas", "Error", "properties", "error", "enum")
