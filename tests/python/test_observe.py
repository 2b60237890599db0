# SPDX-License-Identifier: MIT
"""Watching a pool: /stats, /metrics, /readyz, pool.stats and the table behind them say the same, and exactly what happened."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from clients import EventStream, Http, WebSocket, until
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

import mempool
from mempool import _core

ROOT = Path(__file__).resolve().parents[2]
TABLE = _core.counters()  # kind, name, metric, labels, doc


def serve(**options: Any) -> mempool.Pool:
    return mempool.Pool(**{"listen_port": 0, "batch_interval_ms": 0, **options})


def samples(text: str, parse: Any = parser.text_string_to_metric_families) -> dict[str, float]:
    """`name{a="b"}` to its value, as Prometheus's own parser reads it."""
    read: dict[str, float] = {}
    for family in parse(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            read[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return read


def series(kind: str, metric: str, labels: str) -> str:
    return metric + ("_total" if kind == "counter" else "") + (f"{{{labels}}}" if labels else "")


def check_one_truth(pool: mempool.Pool, http: Http) -> dict[str, Any]:
    """pool.stats, /stats, /metrics in both formats and metrics_text() agree on every counter; gives /stats."""
    stats = http.ask("GET", "/stats").json  # first: a connection is counted when it is taken in, not when connect() returns
    before = dataclasses.asdict(pool.stats)
    plain = samples(http.ask("GET", "/metrics").body.decode())
    named = http.ask("GET", "/metrics", None, "Accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1")
    mine = samples(pool.metrics_text())
    for kind, name, metric, labels, _ in TABLE:
        assert stats[name] == before[name], name
        scale = 1e9 if name.endswith("_ns") else 1
        assert round(plain[series(kind, metric, labels)] * scale) == before[name], name
    assert samples(named.body.decode(), openmetrics.text_string_to_metric_families).keys() == plain.keys() == mine.keys()
    requests = {
        (route, status): count for route, counts in stats["http_requests"].items() for status, count in counts.items()
    }
    for (route, status), count in requests.items():
        asked = {"/stats": 1}.get(route, 0) if status == "2xx" else 0  # /stats itself, answered meanwhile
        assert plain[f'mempool_http_requests_total{{route="{route}",status="{status}"}}'] == count + asked
    return stats


def test_the_table_is_the_only_list() -> None:
    """The struct of mempool.h, mempool.Stats and docs/counters.md have the counters of the table, in its order."""
    names = [name for _, name, *_ in TABLE]
    struct = re.search(r"typedef struct mempool_stats \{(.*?)\} mempool_stats;", (ROOT / "capi/mempool.h").read_text(), re.DOTALL)
    assert struct is not None
    assert re.findall(r"^    uint64_t (\w+);", struct[1], re.MULTILINE) == names
    assert [field.name for field in dataclasses.fields(mempool.Stats)] == names
    rows = [
        f"| `{name}` | `{series(kind, metric, labels)}` | {kind} | {doc} |" for kind, name, metric, labels, doc in TABLE
    ]
    documented = (ROOT / "docs/counters.md").read_text().splitlines()
    assert [line for line in documented if line.startswith("| `") and "http_requests" not in line] == rows


def test_a_fresh_pool_has_counted_nothing() -> None:
    """Every counter is there from the start, at 0; what is not 0 is the connection that asks."""
    with serve() as pool, Http(pool.port) as http:
        stats = check_one_truth(pool, http)
        not_zero = {name: stats[name] for _, name, *_ in TABLE if stats[name]}
        assert not_zero == {"connections": 1, "connections_accepted": 1}
        assert (stats["topic"], stats["state"]) == ("mempool", "running")
        assert re.fullmatch("[a-z0-9]{8}", stats["epoch"])
        assert {count for counts in stats["http_requests"].values() for count in counts.values()} == {0}


def test_every_counter_is_what_the_test_did() -> None:
    """Transactions, batches, events, clients and time in apply: counted one by one, and told alike everywhere."""
    spent: list[int] = []

    def apply(batch: mempool.TxBatch) -> None:
        began = time.monotonic_ns()
        for tx in batch:
            if tx.data == b"no":
                tx.reject("no")
        spent.append(time.monotonic_ns() - began)

    with serve(apply=apply, batch_max=2, ring_capacity=4) as pool, Http(pool.port) as http:
        with WebSocket(pool.port) as text, WebSocket(pool.port, "/ws/mempool?format=json") as as_json:
            outcomes = [http.ask("POST", "/tx?wait=20", body).status for body in (b"a", b"no", b"b")]
            assert outcomes == [200, 200, 200]
            tickets = pool.submit_many([b"no", b"c", b"d"])  # two batches: batch_max is 2
            assert [ticket.wait(20).status for ticket in tickets] == ["rejected", "applied", "applied"]
            assert pool.publish("hello") == 2
            for _ in range(5 + 1):  # five batches and the message
                text.next()
                as_json.next()
            as_json.next()  # its hello
            with pool.subscribe():
                stats = check_one_truth(pool, http)
        expected = {
            "accepted": 6, "applied": 4, "rejected": 2, "pending": 0, "batches": 5, "refused": 0, "events": 6,
            "queue_length": 0, "queue_bytes": 0, "listeners": 3, "events_sent": 12, "events_missed": 0,
            "ring_length": 4, "connections": 3, "clients_text": 1, "clients_json": 1, "clients_sse_text": 0,
            "clients_sse_json": 0, "connections_accepted": 3,
            "connections_refused_max": 0, "connections_refused_rate": 0, "accept_pauses": 0,
            "clients_closed_slow": 0, "clients_closed_silent": 0, "clients_closed_stalled": 0,
        }  # fmt: skip
        assert {name: stats[name] for name in expected} == expected
        assert stats["apply_time_ns"] >= sum(spent) > 0
        assert stats["ring_bytes"] > 0
        until(lambda: pool.stats.listeners == 0, "the clients' going is seen")
        assert (pool.stats.clients_text, pool.stats.clients_json, pool.stats.connections) == (0, 0, 1)


def test_clients_of_server_sent_events_are_counted_by_format() -> None:
    """Each in its own gauge, a connection like any other, and an answer 2xx of /events/; what they hear is among events_sent."""
    with serve() as pool, Http(pool.port) as http:
        as_json = "/events/mempool?format=json"
        with EventStream(pool.port) as text, EventStream(pool.port, as_json) as first, EventStream(pool.port, as_json) as second:
            for stream in (text, first, second):
                stream.begin()
            assert pool.publish("hello") == 3
            for stream in (text, first, second):
                stream.next()
            stats = check_one_truth(pool, http)
            expected = {
                "clients_text": 0, "clients_json": 0, "clients_sse_text": 1, "clients_sse_json": 2,
                "listeners": 3, "events_sent": 3, "connections": 4, "connections_accepted": 4,
            }  # fmt: skip
            assert {name: stats[name] for name in expected} == expected
            assert stats["http_requests"]["/events/"]["2xx"] == 3
        until(lambda: pool.stats.listeners == 0, "the clients' going is seen")
        assert (pool.stats.clients_sse_text, pool.stats.clients_sse_json, pool.stats.connections) == (0, 0, 1)


def test_a_move_to_the_page_is_counted_as_3xx() -> None:
    """The route prefix alone is 308 to the page; it is counted once, as the page's route."""
    with serve(route_prefix="/live") as pool, Http(pool.port) as http:
        moved = http.ask("GET", "/live")
        assert (moved.status, moved.headers["location"]) == (308, "/live/")
        assert http.ask("GET", "/live/").status == 200
        assert http.ask("GET", "/").status == 404
        requests = http.ask("GET", "/live/stats").json["http_requests"]
        counted = {(route, status): n for route, counts in requests.items() for status, n in counts.items() if n}
        assert counted == {("/", "3xx"): 1, ("/", "2xx"): 1, ("other", "4xx"): 1}


def test_requests_are_counted_by_route_and_class_of_status() -> None:
    """Each answer once, under the route that was asked for; what was refused before it had one is `unread`."""
    with serve() as pool:
        with Http(pool.port) as http:
            asked = [
                ("POST", "/tx", b"a"), ("POST", "/tx", b""), ("GET", "/tx", None), ("GET", "/tx/99", None),
                ("GET", "/healthz", None), ("HEAD", "/readyz", None), ("POST", "/stats", b"x"), ("GET", "/metrics", None),
                ("GET", "/", None), ("GET", "/nothing", None), ("GET", "/ws/mempool", None),
            ]  # fmt: skip
            statuses = [http.ask(method, path, body).status for method, path, body in asked]
            assert statuses == [202, 400, 405, 404, 200, 200, 405, 200, 200, 404, 426]
        with WebSocket(pool.port), Http(pool.port) as broken, Http(pool.port) as foreign:
            broken.send(b"what is this\r\n\r\n")
            assert broken.answer().status == 400
            foreign.send(b"GET /stats HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            assert foreign.answer().status == 403
            with Http(pool.port) as http:
                requests = http.ask("GET", "/stats").json["http_requests"]
        counted = {(route, status): n for route, counts in requests.items() for status, n in counts.items() if n}
        assert counted == {
            ("/tx", "2xx"): 1, ("/tx", "4xx"): 2, ("/tx/", "4xx"): 1, ("/healthz", "2xx"): 2, ("/stats", "4xx"): 2,
            ("/metrics", "2xx"): 1, ("/", "2xx"): 1, ("other", "4xx"): 1, ("/ws/", "1xx"): 1, ("/ws/", "4xx"): 1,
            ("unread", "4xx"): 1,
        }  # fmt: skip


def test_connections_refused_are_counted_by_reason() -> None:
    """One too many, and one too often; neither is a connection, nor a request."""
    with serve(max_connections=1) as pool, Http(pool.port) as http:
        for _ in range(3):
            with Http(pool.port) as late:
                assert late.answer().status == 503
        stats = check_one_truth(pool, http)
        assert (stats["connections_refused_max"], stats["connections_refused_rate"]) == (3, 0)
        assert (stats["connections"], stats["connections_accepted"]) == (1, 1)
        assert stats["http_requests"]["unread"]["5xx"] == 0
    with serve(rate_limit_connections=1) as pool, Http(pool.port) as http, Http(pool.port) as often:
        assert often.answer().status == 429
        stats = check_one_truth(pool, http)
        assert (stats["connections_refused_max"], stats["connections_refused_rate"]) == (0, 1)


def test_a_client_that_asked_to_be_closed_when_slow_is_counted() -> None:
    """slow=close and behind the ring: 1013, and clients_closed_slow is 1."""
    with serve(ring_capacity=2) as pool, WebSocket(pool.port, "/ws/mempool?slow=close", receive_buffer=4096) as slow:
        for _ in range(200):  # more than the kernel holds for it: it falls behind the ring
            pool.publish(b"x" * 60_000)
        assert slow.close_code() == 1013
        stats = pool.stats
        assert (stats.clients_closed_slow, stats.clients_closed_silent, stats.clients_closed_stalled) == (1, 0, 0)


def test_silent_and_stalled_clients_are_counted_apart() -> None:
    """One that answers no ping is silent, one whose socket takes nothing is stalled."""
    with serve(ping_interval_ms=20, pong_timeout_ms=20) as pool, WebSocket(pool.port):
        until(lambda: pool.stats.listeners == 0, "the silent one is given up")
        assert (pool.stats.clients_closed_silent, pool.stats.clients_closed_stalled) == (1, 0)
    with serve(stall_timeout_ms=50, ping_interval_ms=0) as pool, WebSocket(pool.port, receive_buffer=4096):
        for _ in range(200):
            pool.publish(b"x" * 60_000)
        until(lambda: pool.stats.listeners == 0, "the stalled one is given up")
        assert (pool.stats.clients_closed_silent, pool.stats.clients_closed_stalled) == (0, 1)


def test_readyz_says_whether_a_transaction_would_be_taken(deadline: float) -> None:
    """200; 503 `full` while the queue has no room; 200 again; 503 `draining` from the request to stop on."""
    entered, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def apply(batch: mempool.TxBatch) -> None:
        entered.release()
        assert go_on.acquire(timeout=deadline)

    with serve(apply=apply, queue_capacity=1) as pool, Http(pool.port) as http:
        ready = http.ask("GET", "/readyz")
        assert (ready.status, ready.json, ready.headers["cache-control"]) == (200, {"status": "ready"}, "no-store")
        pool.submit(b"in apply")
        assert entered.acquire(timeout=deadline)
        assert http.ask("GET", "/readyz").status == 200
        pool.submit(b"in the queue")
        full = http.ask("GET", "/readyz")
        assert (full.status, full.json["error"], full.headers["retry-after"]) == (503, "full", "1")
        assert http.ask("HEAD", "/readyz").status == 503
        assert http.ask("POST", "/tx", b"one more").json["error"] == "full"
        assert http.ask("GET", "/healthz").status == 200
        go_on.release()
        assert entered.acquire(timeout=deadline)  # the second is out of the queue
        assert http.ask("GET", "/readyz").status == 200
        pool.request_stop()
        draining = http.ask("GET", "/readyz")
        assert (draining.status, draining.json["error"], draining.headers["retry-after"]) == (503, "draining", "1")
        with Http(pool.port) as late:
            assert late.ask("GET", "/stats").json["state"] == "draining"
        go_on.release()


@pytest.mark.parametrize("path", ["/stats", "/metrics", "/healthz", "/readyz"])
def test_who_watches_may_only_read(path: str) -> None:
    """GET, and HEAD with the same header and no body; else 405 with Allow."""
    with serve() as pool, Http(pool.port) as http:
        whole, head = http.ask("GET", path), http.ask("HEAD", path)
        assert (whole.status, head.status, head.body) == (200, 200, b"")
        assert whole.headers.keys() == head.headers.keys()
        assert whole.headers["content-type"] == head.headers["content-type"]
        for method in ("POST", "PUT", "DELETE"):
            refused = http.ask(method, path, b"")
            assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")
            assert refused.json["error"] == "method_not_allowed"


def test_metrics_can_be_off() -> None:
    """metrics off: 404, as if there were none; /stats stays."""
    with serve(metrics="off") as pool, Http(pool.port) as http:
        off = http.ask("GET", "/metrics")
        assert (off.status, off.json["error"]) == (404, "not_found")
        assert http.ask("GET", "/stats").status == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/plain;version=0.0.4;q=0.3", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;q=0", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;q=0.0", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text;q=0;charset=utf-8", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text; Q = 0.000 , text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        ("text/plain, Application/OpenMetrics-Text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_who_names_openmetrics_gets_it(accept: str, kind: str) -> None:
    """Else the text format 0.0.4; a cache is told that it depends on Accept."""
    with serve() as pool, Http(pool.port) as http:
        answer = http.ask("GET", "/metrics", None, *([f"Accept: {accept}"] if accept else []))
        assert answer.headers["content-type"] == kind
        assert answer.headers["vary"] == "Accept"


def test_a_pool_without_a_network_has_its_metrics_too() -> None:
    """metrics_text() in every state."""
    pool = mempool.Pool(listen_host="")
    assert samples(pool.metrics_text())["mempool_transactions_accepted_total"] == 0
    with pool:
        pool.submit(b"a").wait(20)
        assert samples(pool.metrics_text())["mempool_transactions_applied_total"] == 1
    assert samples(pool.metrics_text())["mempool_transactions_applied_total"] == 1


def test_stats_are_json_whatever_the_epoch() -> None:
    """The body is one JSON object, and says so."""
    with serve() as pool, Http(pool.port) as http:
        answer = http.ask("GET", "/stats?whatever=1")
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(json.loads(answer.body), dict)
