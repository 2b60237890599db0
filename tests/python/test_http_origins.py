# SPDX-License-Identifier: MIT
"""Who may ask (docs/spec/wire.md): Host, Origin and CORS, against the real socket; rows 15 and 16 of docs/spec/bad-inputs.md."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mempool
from clients import LIMIT_S, Answer, EventStream, Http, handshake

Listen = Callable[..., mempool.Pool]

FOREIGN = ["https://evil.example", "null", "https://app.example.com.evil", "http://localhost.evil", "http://127.0.0.1.evil", "http://app.example.com"]
FRIENDS = ["https://app.example.com", "http://localhost:8888", "https://a.localhost", "http://127.0.0.1:1", "http://[::1]:5173"]


@pytest.fixture
def listen(open_pool: Callable[..., mempool.Pool]) -> Listen:
    """A pool on a free port of the loopback address, which https://app.example.com may ask under the name dev.test too."""
    return lambda **options: open_pool(
        **{"listen_host": "127.0.0.1", "listen_port": 0, "origins": "https://app.example.com", "hosts": "dev.test", **options}
    )


def ask(port: int, method: str, target: str, host: str, *headers: str, body: bytes | None = None) -> Answer:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    with Http(port) as http:
        http.send("\r\n".join([*lines, "", ""]).encode() + (body or b""))
        return http.answer(head=method in ("HEAD", "OPTIONS"))


def test_a_foreign_host_is_403_on_every_route(listen: Listen) -> None:
    """A name that is not the loopback's reaches nothing: a rebound DNS name would be the page's own origin. Nothing is queued."""
    pool = listen()
    for host in ("evil.example", f"evil.example:{pool.port}", "localhost.evil", "127.0.0.1.evil", "localhost."):
        for method, target, body in [
            ("GET", "/", None),
            ("GET", "/healthz", None),
            ("GET", "/nothing", None),
            ("GET", "/tx/1", None),
            ("POST", "/tx", b"pay"),
            ("GET", "/ws/mempool", None),
            ("GET", "/events/mempool", None),
            ("GET", f"http://{host}/healthz", None),
        ]:
            answer = ask(pool.port, method, target, host, f"Origin: http://{host}", body=body)
            assert (answer.status, answer.json["error"]) == (403, "forbidden_host"), (host, target)
            assert answer.headers["connection"] == "close"
    assert pool.stats.accepted == 0


def test_the_hosts_of_loopback_and_of_the_option_pass(listen: Listen) -> None:
    """localhost, *.localhost, 127.0.0.0/8, [::1] and `hosts`, with any port; an absolute target's host stands for the header."""
    pool = listen()
    for host in ("localhost", f"LOCALHOST:{pool.port}", "a.localhost", "127.0.0.1:1", "127.1.2.3", "[::1]", "dev.test:80"):
        assert ask(pool.port, "GET", "/healthz", host).status == 200, host
        assert ask(pool.port, "GET", f"http://{host}/healthz", "evil.example").status == 200, host


def test_a_foreign_origin_is_403_and_nothing_is_queued(listen: Listen) -> None:
    """On POST, on the WebSocket and on Server-Sent Events, before any body is read; with Content-Length alone the answer comes as well."""
    pool = listen()
    for origin in FOREIGN:
        answer = ask(pool.port, "POST", "/tx", "localhost", f"Origin: {origin}", body=b"pay")
        assert (answer.status, answer.json["error"]) == (403, "forbidden_origin"), origin
        assert "access-control-allow-origin" not in answer.headers
        unread = ask(pool.port, "POST", "/tx", "localhost", f"Origin: {origin}", "Content-Length: 1000")
        assert unread.status == 403
        with Http(pool.port) as http:
            http.send(handshake("/ws/mempool", f"Origin: {origin}"))
            refused = http.answer()
            assert (refused.status, refused.json["error"]) == (403, "forbidden_origin"), origin
            assert http.rest() == b""
        refused = ask(pool.port, "GET", "/events/mempool", "localhost", f"Origin: {origin}")
        assert (refused.status, refused.json["error"]) == (403, "forbidden_origin"), origin
    assert pool.stats.accepted == 0
    assert pool.stats.listeners == 0


def test_no_origin_and_the_own_one_pass(listen: Listen) -> None:
    """Neither a program without an Origin nor the page that the pool itself serves needs any CORS."""
    pool = listen()
    for host in ("127.0.0.1", f"localhost:{pool.port}", "dev.test"):
        for headers in ((), (f"Origin: http://{host}",)):
            answer = ask(pool.port, "POST", "/tx", host, *headers, body=b"pay")
            assert answer.status == 202
            assert not {name for name in answer.headers if name.startswith("access-control")}
            assert "vary" not in answer.headers


def test_an_allowed_origin_gets_its_cors_headers_on_every_answer(listen: Listen) -> None:
    """That one origin and Vary, on what was accepted and on what was refused, so that the page can read why."""
    pool = listen(tx_max_bytes=100)
    for origin in FRIENDS:
        said = f"Origin: {origin}"
        answers = [
            ask(pool.port, "POST", "/tx", "localhost", said, body=b"pay"),
            ask(pool.port, "POST", "/tx", "localhost", said, body=b""),
            ask(pool.port, "POST", "/tx", "localhost", said, body=b"x" * 101),
            ask(pool.port, "POST", "/tx", "localhost", said, "Transfer-Encoding: chunked\r\n\r\nX"),
            ask(pool.port, "GET", "/tx/99", "localhost", said),
            ask(pool.port, "GET", "/healthz", "localhost", said),
        ]
        assert [answer.status for answer in answers] == [202, 400, 413, 400, 404, 200]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["vary"] == "Origin"


def test_cors_headers_are_those_of_the_request(listen: Listen) -> None:
    """On one connection, what one request's origin got is not said to the next."""
    with Http(listen().port) as http:
        for origin in ("https://app.example.com", None, "http://localhost:8888"):
            headers = [f"Origin: {origin}"] if origin else []
            assert http.ask("GET", "/healthz", None, *headers).headers.get("access-control-allow-origin") == origin


def test_a_preflight_is_204(listen: Listen) -> None:
    """A browser that asks whether a page may POST is told what is allowed; a foreign page is refused; the connection is kept."""
    pool = listen()
    wants = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: idempotency-key")
    for origin in FRIENDS:
        with Http(pool.port) as http:
            for _ in range(2):
                http.send(
                    "\r\n".join(["OPTIONS /tx HTTP/1.1", "Host: localhost", f"Origin: {origin}", *wants, "", ""]).encode()
                )
                answer = http.answer(head=True)
                assert answer.status == 204
                assert answer.headers["access-control-allow-origin"] == origin
                assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
                assert {"Content-Type", "Idempotency-Key"} <= set(answer.headers["access-control-allow-headers"].split(", "))
                assert "content-length" not in answer.headers
    for origin in FOREIGN:
        assert ask(pool.port, "OPTIONS", "/tx", "localhost", f"Origin: {origin}", *wants).status == 403


def test_an_allowed_origin_opens_the_stream(listen: Listen) -> None:
    """A page of an allowed origin may open the WebSocket, and hears Server-Sent Events, with the CORS headers that it needs for that."""
    pool = listen()
    for origin in FRIENDS:
        with Http(pool.port) as http:
            http.send(handshake("/ws/mempool", f"Origin: {origin}"))
            assert http.answer().status == 101
        with EventStream(pool.port, "/events/mempool", f"Origin: {origin}") as stream:
            assert stream.status == 200
            assert stream.headers["access-control-allow-origin"] == origin
            assert stream.headers["vary"] == "Origin"
            stream.begin()
    with EventStream(pool.port) as stream:
        assert "access-control-allow-origin" not in stream.headers


def test_off_the_loopback_hosts_are_free_and_loopback_origins_foreign(listen: Listen) -> None:
    """A pool on every address answers to any Host, and a page on the user's own machine is as foreign as any other."""
    pool = listen(listen_host="0.0.0.0")
    assert ask(pool.port, "GET", "/healthz", "any.example").status == 200
    assert ask(pool.port, "POST", "/tx", "any.example:1", "Origin: http://any.example:1", body=b"pay").status == 202
    assert ask(pool.port, "POST", "/tx", "any.example", "Origin: http://localhost", body=b"pay").status == 403
    assert ask(pool.port, "POST", "/tx", "any.example", "Origin: https://app.example.com", body=b"pay").status == 202


@pytest.mark.parametrize(
    ("drop", "add", "status"),
    [
        ("Sec-WebSocket-Key", [], 400),
        ("Sec-WebSocket-Key", ["Sec-WebSocket-Key: abc"], 400),
        ("Sec-WebSocket-Key", ["Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="], 400),
        ("", ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], 400),
        ("Sec-WebSocket-Version", ["Sec-WebSocket-Version: 8"], 426),
        ("Sec-WebSocket-Version", [], 426),
        ("Upgrade", [], 426),
    ],
    ids=["no key", "short key", "not base64", "two keys", "version 8", "no version", "no upgrade"],
)
def test_a_bad_handshake_is_refused(listen: Listen, drop: str, add: list[str], status: int) -> None:
    """A handshake that RFC 6455 does not know is 400, or 426 with the version that is spoken; the connection ends."""
    lines = [line for line in handshake().decode().rstrip().split("\r\n") if not drop or not line.startswith(drop + ":")]
    with Http(listen().port) as http:
        http.send("\r\n".join([*lines, *add, "", ""]).encode())
        answer = http.answer()
        assert answer.status == status
        assert answer.headers["connection"] == ("close, Upgrade" if status == 426 else "close")
        assert answer.headers.get("sec-websocket-version") == ("13" if status == 426 else None)
        assert http.rest() == b""


def test_lists_are_checked_when_they_are_set() -> None:
    """An origin with a path, `*`, a host with a port: nothing starts half configured."""
    for options in ({"origins": "*"}, {"origins": "https://a/"}, {"origins": "a.example"}, {"hosts": "dev.test:80"}, {"hosts": "http://a"}):
        with pytest.raises(mempool.InvalidOption, match=next(iter(options))):
            mempool.Pool(**options)  # type: ignore[arg-type]
