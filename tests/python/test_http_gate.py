# SPDX-License-Identifier: MIT
"""What the gate before the parser refuses, and what it lets through: rows 1 to 13 of docs/spec/bad-inputs.md, against the real socket."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Callable, Iterator

import pytest

import mempool
from clients import LIMIT_S, Http, until

Listen = Callable[..., mempool.Pool]

LEFT_OVER = b"POST /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nsmuggled"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """One pool for all that must leave no trace: its queue is looked at after every request."""
    pool = mempool.Pool(listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0)
    pool.start()
    yield pool.port
    submitted = pool.stats.accepted
    pool.stop(LIMIT_S)
    assert submitted == 0


def post(*fields: str, body: bytes = b"", version: str = "1.1") -> bytes:
    return "\r\n".join([f"POST /tx HTTP/{version}", *fields, "", ""]).encode("latin-1") + body


def get(*fields: str, target: str = "/healthz", method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *fields, "", ""]).encode("latin-1")


def get_of(size: int) -> bytes:
    """A good request of so many bytes."""
    fill = size - len(get(HOST, "A: ", "B: "))
    return get(HOST, "A: " + "x" * (fill // 2), "B: " + "x" * (fill - fill // 2))


HOST = "Host: localhost"
CHUNKED = "Transfer-Encoding: chunked"
PAY = b"3\r\npay\r\n0\r\n\r\n"

# name, what is sent, the status
REFUSED = [
    # 1
    ("length_then_chunked", post(HOST, "Content-Length: 3", CHUNKED, body=PAY), 400),
    ("chunked_then_length", post(HOST, CHUNKED, "Content-Length: 3", body=PAY), 400),
    # 2
    ("identity", post(HOST, "Transfer-Encoding: identity", body=b"pay"), 400),
    ("xchunked", post(HOST, "Transfer-Encoding: xchunked", body=PAY), 400),
    ("chunked_not_last", post(HOST, "Transfer-Encoding: chunked, gzip", body=PAY), 400),
    ("chunked_twice", post(HOST, "Transfer-Encoding: chunked, chunked", body=PAY), 400),
    ("two_transfer_encodings", post(HOST, CHUNKED, CHUNKED, body=PAY), 400),
    ("gzip_then_chunked_on_two_lines", post(HOST, "Transfer-Encoding: gzip", CHUNKED, body=PAY), 400),
    ("chunked_with_a_parameter", post(HOST, "Transfer-Encoding: chunked;q=1", body=PAY), 400),
    ("chunked_in_quotes", post(HOST, 'Transfer-Encoding: "chunked"', body=PAY), 400),
    ("empty_transfer_encoding", post(HOST, "Transfer-Encoding:", body=PAY), 400),
    ("empty_element", post(HOST, "Transfer-Encoding: , chunked", body=PAY), 400),
    ("unknown_coding", post(HOST, "Transfer-Encoding: gzip, chunked", body=PAY), 501),
    # 3
    ("length_twice_equal", post(HOST, "Content-Length: 3", "Content-Length: 3", body=b"pay"), 400),
    ("length_twice_unequal", post(HOST, "Content-Length: 3", "Content-Length: 4", body=b"pay"), 400),
    ("length_list", post(HOST, "Content-Length: 3, 3", body=b"pay"), 400),
    ("length_plus", post(HOST, "Content-Length: +3", body=b"pay"), 400),
    ("length_minus", post(HOST, "Content-Length: -3", body=b"pay"), 400),
    ("length_with_a_space", post(HOST, "Content-Length: 3 3", body=b"pay"), 400),
    ("length_hex", post(HOST, "Content-Length: 0x3", body=b"pay"), 400),
    ("length_empty", post(HOST, "Content-Length:", body=b"pay"), 400),
    # 4
    ("length_2_to_64", post(HOST, "Content-Length: 18446744073709551616"), 400),
    ("length_over_the_cap", post(HOST, "Content-Length: 18446744073709551615"), 413),
    # 5
    ("obs_fold", get(HOST, "A: b", " c"), 400),
    ("obs_fold_hides_a_length", post(HOST, "A: b", "\tContent-Length: 3", body=b"pay"), 400),
    ("fold_before_the_first_field", get(" A: b", HOST), 400),
    ("space_before_the_colon", get(HOST, "A : b"), 400),
    ("tab_before_the_colon", post(HOST, "Content-Length\t: 3", body=b"pay"), 400),
    ("no_colon", get(HOST, "Ab"), 400),
    ("no_name", get(HOST, ": b"), 400),
    ("name_is_no_token", get(HOST, "A(b): c"), 400),
    # 6
    ("bare_lf_after_the_request_line", b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n", 400),
    ("bare_lf_in_a_value", get(HOST, "A: b\nContent-Length: 8"), 400),
    ("bare_lf_at_the_end", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n", 400),
    ("bare_cr_in_a_value", get(HOST, "A: b\rContent-Length: 8"), 400),
    ("bare_cr_at_the_end", get(HOST)[:-2] + b"\rX", 400),
    ("nul_in_a_value", get(HOST, "A: b\0c"), 400),
    ("nul_in_a_name", get(HOST, "A\0: b"), 400),
    ("escape_in_a_value", get(HOST, "A: \x1b[2J"), 400),
    ("delete_in_a_value", get(HOST, "A: \x7f"), 400),
    # 7
    ("no_host", get(), 400),
    ("two_hosts", get(HOST, HOST), 400),
    ("empty_host", get("Host:"), 400),
    ("host_list", get("Host: localhost, localhost"), 400),
    ("host_with_a_path", get("Host: localhost/x"), 400),
    ("host_with_userinfo", get("Host: localhost@evil"), 400),
    ("host_with_a_space", get("Host: local host"), 400),
    ("host_with_a_bad_port", get("Host: localhost:65536"), 400),
    ("host_that_is_an_open_bracket", get("Host: [::1"), 400),
    # 8, 9
    ("many_fields", get(HOST, *["a:b"] * 2000), 431),
    ("one_field_too_many", get(HOST, *["a:b"] * 100), 431),
    ("long_value", get(HOST, "A: " + "x" * 9 * 1024), 431),
    ("a_value_of_8_kib_and_one", get(HOST, "A: " + "x" * 8193), 431),
    ("long_value_without_an_end", get(HOST, "A: " + "x" * 9 * 1024)[:-4], 431),
    ("long_name", get(HOST, "A" * 17 * 1024 + ": b"), 431),
    ("a_header_of_16_kib_and_one", get_of(16385), 431),
    # 10
    ("long_extension", post(HOST, CHUNKED, body=b"3;a=" + b"x" * (4 << 20) + b"\r\npay\r\n0\r\n\r\n"), 400),
    ("extensions_without_end", post(HOST, CHUNKED, body=b"1;a=bcdefg\r\nx\r\n" * 2000), 400),
    ("trailer", post(HOST, CHUNKED, body=b"3\r\npay\r\n0\r\nAuthorization: Bearer x\r\n\r\n"), 400),
    ("chunk_size_is_no_number", post(HOST, CHUNKED, body=b"pay\r\n"), 400),
    ("chunk_size_hex_prefix", post(HOST, CHUNKED, body=b"0x3\r\npay\r\n0\r\n\r\n"), 400),
    ("chunk_size_plus", post(HOST, CHUNKED, body=b"+3\r\npay\r\n0\r\n\r\n"), 400),
    ("chunk_size_2_to_64", post(HOST, CHUNKED, body=b"10000000000000003\r\npay\r\n0\r\n\r\n"), 400),
    ("chunk_size_then_space", post(HOST, CHUNKED, body=b"3 \r\npay\r\n0\r\n\r\n"), 400),
    ("chunk_line_ends_in_lf", post(HOST, CHUNKED, body=b"3\npay\r\n0\r\n\r\n"), 400),
    ("lf_in_an_extension", post(HOST, CHUNKED, body=b"3;a\n=b\r\npay\r\n0\r\n\r\n"), 400),
    ("cr_in_an_extension", post(HOST, CHUNKED, body=b"3;a\rb\r\npay\r\n0\r\n\r\n"), 400),
    ("open_string_in_an_extension", post(HOST, CHUNKED, body=b'3;a="b\r\npay\r\n0\r\n\r\n'), 400),
    ("chunk_longer_than_it_says", post(HOST, CHUNKED, body=b"3\r\npayX\r\n0\r\n\r\n"), 400),
    ("chunk_ends_in_lf", post(HOST, CHUNKED, body=b"3\r\npay\n0\r\n\r\n"), 400),
    # 11
    ("http_1_0_chunked", post(HOST, CHUNKED, body=PAY, version="1.0"), 400),
    ("http_2_0", post(HOST, "Content-Length: 3", body=b"pay", version="2.0"), 505),
    ("http_1_2", post(HOST, "Content-Length: 3", body=b"pay", version="1.2"), 505),
    ("http_2_preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("http_in_lower_case", b"GET /healthz http/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("no_version", b"GET /healthz\r\n\r\n", 400),
    ("two_spaces", b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("space_at_the_end", b"GET /healthz HTTP/1.1 \r\nHost: localhost\r\n\r\n", 400),
    ("tab_for_a_space", b"GET\t/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ("method_in_lower_case", get(HOST, method="get"), 400),
    ("post_in_lower_case", b"post /tx HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\npay", 400),
    ("method_is_no_token", get(HOST, method="GE(T"), 400),
    ("long_method", get(HOST, method="X" * 40), 501),
    ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ("two_empty_lines_first", b"\r\n\r\n" + get(HOST), 400),
    # the request target
    ("connect", get(HOST, method="CONNECT", target="localhost:80"), 501),
    ("authority_form", get(HOST, target="localhost:80"), 400),
    ("asterisk_form", get(HOST, target="*"), 400),
    ("https_target", get(HOST, target="https://localhost/healthz"), 400),
    ("ftp_target", get(HOST, target="ftp://localhost/healthz"), 400),
    ("target_with_userinfo", get(HOST, target="http://me@localhost/healthz"), 400),
    ("target_without_a_host", get(HOST, target="http:///healthz"), 400),
    ("absolute_target_and_no_host", get(target="http://localhost/healthz"), 400),
    ("absolute_target_and_two_hosts", get(HOST, HOST, target="http://localhost/healthz"), 400),
    ("fragment", get(HOST, target="/healthz#x"), 400),
    ("control_in_the_target", get(HOST, target="/healthz\x01"), 400),
    ("nul_in_the_target", get(HOST, target="/healthz\0"), 400),
    ("not_ascii", get(HOST, target="/h\xe9"), 400),
    ("relative_target", get(HOST, target="healthz"), 400),
    ("long_target", get(HOST, target="/" + "x" * 8192), 431),
]


def all_that_is_said(http: Http, raw: bytes) -> bytes:
    """Writes and reads until the server ends the connection, and reads while it writes: it may answer, and close, before it has read all."""
    http.socket.setblocking(False)
    got = b""
    while True:
        readable, writable, _ = select.select([http.socket], [http.socket] if raw else [], [], LIMIT_S)
        assert readable or writable, f"silence after {got!r}"
        if writable:
            try:
                raw = raw[http.socket.send(raw) :]
            except (BrokenPipeError, ConnectionResetError):
                raw = b""
        if readable:
            more = http.socket.recv(65536)
            if not more:
                return got
            got += more


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(port: int, raw: bytes, status: int) -> None:
    """One whole answer of that status, then the end of the connection: what was left over is no second request, nothing is queued."""
    with Http(port) as http:
        top, _, body = all_that_is_said(http, raw + LEFT_OVER).partition(b"\r\n\r\n")
    assert int(top.split(b" ")[1]) == status, top + body
    assert f"\r\nContent-Length: {len(body)}\r\n".encode() in top, top + body
    assert top.endswith(b"\r\nConnection: close")
    assert {"error", "detail"} == json.loads(body).keys()


# name, what is sent, the status of the one answer; the connection goes on
ACCEPTED = [
    ("a_value_of_8_kib", get(HOST, "A: " + "x" * 8192), 200),
    ("padded_value", get(HOST, "A:" + " " * 100 + "x" * 8192), 200),
    ("100_fields", get(HOST, *["a:b"] * 99), 200),
    ("a_target_of_8_kib", get(HOST, target="/healthz?" + "x" * (8192 - 9)), 200),
    ("a_header_of_16_kib", get_of(16384), 200),
    ("no_space_behind_the_colon", get("Host:localhost"), 200),
    ("names_in_upper_case", get("HOST: localhost"), 200),
    ("empty_value", get(HOST, "A:"), 200),
    ("bytes_beyond_ascii_in_a_value", get(HOST, "A: caf\xe9"), 200),
    ("one_empty_line_first", b"\r\n" + get(HOST), 200),
    ("absolute_target", get("Host: evil.example", target="http://localhost/healthz"), 200),
    ("absolute_target_in_upper_case", get(HOST, target="HTTP://LOCALHOST:80/healthz?x"), 200),
    ("absolute_target_without_a_path", get(HOST, target="http://127.0.0.1"), 200),
    ("absolute_target_with_a_query_only", get(HOST, target="http://127.0.0.1?/healthz"), 200),
    ("options_of_all", get(HOST, method="OPTIONS", target="*"), 204),
    ("length_with_zeros", post(HOST, "Content-Length: 0003", body=b"pay"), 202),
    ("chunked_in_upper_case", post(HOST, "Transfer-Encoding: Chunked", body=PAY), 202),
    ("chunk_extensions", post(HOST, CHUNKED, body=b'3;a=b;c="d; e"\r\npay\r\n0;x\r\n\r\n'), 202),
    ("chunk_size_with_zeros", post(HOST, CHUNKED, body=b"0000000000000003\r\npay\r\n00\r\n\r\n"), 202),
]


# As the rows above, but with HEAD; `late`: the rest of the header never comes
REFUSED_HEADS = [
    ("no_host", get(method="HEAD"), 400),
    ("fragment", get(HOST, method="HEAD", target="/#x"), 400),
    ("space_before_the_colon", get("Host : x", method="HEAD"), 400),
    ("length_then_chunked", get(HOST, "Content-Length: 3", CHUNKED, method="HEAD"), 400),
    ("unknown_coding", get(HOST, "Transfer-Encoding: gzip, chunked", method="HEAD"), 501),
    ("bad_chunk", get(HOST, CHUNKED, method="HEAD") + b"x\r\n", 400),
    ("long_target", get(HOST, method="HEAD", target="/" + "x" * 8192), 431),
    ("http_2_0", b"HEAD / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    ("foreign_host", get("Host: app.example.com", method="HEAD"), 403),
    ("too_large", get(HOST, "Content-Length: 1000000", method="HEAD"), 413),
    ("late", b"HEAD / HTTP/1.1\r\nHost: lo", 408),
]


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in REFUSED_HEADS], ids=[row[0] for row in REFUSED_HEADS])
def test_a_refused_head_has_no_body(listen: Listen, raw: bytes, status: int) -> None:
    """HEAD that is refused, by whom ever, gets the header of the answer with its length and no byte behind it (RFC 9110 9.3.2)."""
    with Http(listen(header_timeout_ms=500).port) as http:
        top, _, body = all_that_is_said(http, raw).partition(b"\r\n\r\n")
    assert (int(top.split(b" ")[1]), body) == (status, b"")
    assert b"\r\nContent-Length: " in top and b"\r\nContent-Length: 0" not in top


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_accepted(listen: Listen, raw: bytes, status: int) -> None:
    """One answer of that status, and the request that follows in the same write is answered next."""
    with Http(listen().port) as http:
        http.send(raw + get(HOST))
        first = http.answer(head=status == 204)
        assert (first.status, first.headers["connection"]) == (status, "keep-alive")
        assert http.answer().status == 200


def test_a_204_has_no_length(listen: Listen) -> None:
    """OPTIONS * is 204, which says neither a length nor a type."""
    with Http(listen().port) as http:
        http.send(get(HOST, method="OPTIONS", target="*"))
        answer = http.answer(head=True)
        assert not {"content-length", "content-type"} & answer.headers.keys()
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_a_refusal_can_be_read_by_a_client_that_writes_on(listen: Listen) -> None:
    """4 MB more than was read: the answer is whole all the same, no reset takes it away."""
    with Http(listen().port) as http:
        got = all_that_is_said(http, post(HOST, "Content-Length: 4000000", body=b"x" * 4_000_000))
    top, _, body = got.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["error"] == "too_large"


def test_no_memory_is_kept_for_headers(listen: Listen) -> None:
    """1,000 requests of 2,000 tiny headers each leave the process as large as it was (at most 4 MiB more)."""
    raw = get(HOST, *["a:b"] * 2000)
    with open("/proc/self/maps", encoding="ascii") as maps:
        if "libasan" in maps.read():
            pytest.skip("AddressSanitizer keeps what was freed")

    def refused(times: int) -> int:
        for _ in range(times):
            with Http(pool.port) as http:
                assert all_that_is_said(http, raw).startswith(b"HTTP/1.1 431 ")
        return resident_bytes()

    pool = listen()
    before = refused(100)
    assert refused(1000) - before <= 4 << 20


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_an_endless_chunk_line_costs_no_time(listen: Listen) -> None:
    """A chunk's extension that never ends is refused at its bound, long before any deadline."""
    with Http(listen(body_timeout_ms=600_000).port) as http:
        start = time.monotonic()
        http.send(post(HOST, CHUNKED, body=b"3;a=" + b"x" * 64 * 1024))
        assert http.answer().status == 400
        assert time.monotonic() - start < LIMIT_S


@pytest.mark.parametrize(
    ("raw", "slow"),
    [
        (b"", get(HOST, "A: " + "x" * 1000)),
        (b"", b"G" + b"E" * 31),
        (post(HOST, "Content-Length: 1000"), b"x" * 1000),
        (post(HOST, CHUNKED), b"1\r\nx\r\n" * 200),
    ],
    ids=["header", "method", "body", "chunks"],
)
def test_byte_by_byte_is_408_at_the_absolute_deadline(listen: Listen, raw: bytes, slow: bytes) -> None:
    """Bytes that keep dripping in do not put the deadline off: 408, and the end."""
    timeouts = {"header_timeout_ms": 400, "body_timeout_ms": 400}
    with Http(listen(**timeouts).port) as http:
        start = time.monotonic()
        http.send(raw)
        for byte in slow:
            if select.select([http.socket], [], [], 0.03)[0]:  # the pace of the drip, or the answer
                break
            http.send(bytes([byte]))
        answer = http.answer()
        assert 0.4 <= time.monotonic() - start < LIMIT_S / 2
        assert (answer.status, answer.json["error"], answer.headers["connection"]) == (408, "timeout", "close")
        assert http.rest() == b""


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_two_pipelined_posts_keep_their_bodies(listen: Listen, framing: str) -> None:
    """Two POSTs in one write: two answers in order, and never one body for both."""
    got: list[bytes] = []

    def whole(body: bytes) -> bytes:
        if framing == "length":
            return post(HOST, f"Content-Length: {len(body)}", body=body)
        return post(HOST, CHUNKED, body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    with Http(pool.port) as http:
        http.send(whole(b"POST /tx HTTP/1.1") + whole(b"second"))
        assert [http.answer().json["id"] for _ in range(2)] == ["1", "2"]
    until(lambda: len(got) == 2, "both are applied")
    assert got == [b"POST /tx HTTP/1.1", b"second"]


@pytest.mark.parametrize("raw", [row[1] for row in ACCEPTED if len(row[1]) < 1000], ids=[row[0] for row in ACCEPTED if len(row[1]) < 1000])
def test_in_single_bytes_it_is_the_same(listen: Listen, raw: bytes) -> None:
    """What is accepted in one piece is accepted in single bytes."""
    with Http(listen().port) as http:
        http.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in raw:
            http.send(bytes([byte]))
        assert http.answer(head=b"OPTIONS" in raw).status < 300
