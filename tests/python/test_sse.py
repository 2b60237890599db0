# SPDX-License-Identifier: MIT
"""The stream as Server-Sent Events (docs/spec/wire.md), against the real socket."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable

import pytest

import mempool
from clients import LIMIT_S, Answer, EventStream, Http, WebSocket, handshake, until

Listen = Callable[..., mempool.Pool]


def refused(port: int, path: str, *headers: str) -> Answer:
    with Http(port) as http:
        return http.ask("GET", path, None, *headers)


# ---- what is said ----


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_the_answer_has_no_length_and_ends_with_the_connection(listen: Listen, version: str) -> None:
    """200, text/event-stream, no cache and no buffering proxy; neither Content-Length nor chunks; HTTP/1.0 gets the same."""
    pool = listen()
    with EventStream(pool.port, version=version) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-cache"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["connection"] == "close"
        assert not {"content-length", "transfer-encoding"} & set(stream.headers)
        epoch, offset = stream.begin().split(":")
        assert offset == "0"
        pool.publish("hi")
        assert stream.next()[:3] == (f"{epoch}:1", "message", "hi")


def test_head_is_answered_with_the_same_header_and_no_stream(listen: Listen) -> None:
    """And takes no seat."""
    pool = listen()
    with Http(pool.port) as http:
        answer = http.ask("HEAD", "/events/mempool")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert "content-length" not in answer.headers
        assert http.rest() == b""
    assert pool.listener_count == 0


def test_text_is_what_a_person_reads_and_its_lines_stay_lines(listen: Listen) -> None:
    """Line ends of all three kinds come as LF; binary is base64."""
    pool = listen(lambda batch: None)
    with EventStream(pool.port) as stream:
        epoch = stream.begin().split(":")[0]
        pool.submit(b"pay").wait(LIMIT_S)
        assert stream.next() == (f"{epoch}:1", "batch", "batch applied 1/1 txs", None, [])
        for text in ("two\nlines", "a\rb\r\nc", "", " a space first", "ends in one\n", "id: 7\n\ndata: x", "grüße"):
            pool.publish(text)
            assert stream.next()[1:3] == ("message", text.replace("\r\n", "\n").replace("\r", "\n"))
        pool.publish(b"\x00\xff\n")
        assert base64.b64decode(stream.next().data or "") == b"\x00\xff\n"


def test_json_is_the_same_as_over_the_websocket(listen: Listen) -> None:
    """To the byte, as data of an event that bears its position; there is no hello."""
    pool = listen()
    with EventStream(pool.port, "/events/mempool?format=json") as stream, WebSocket(pool.port, "/ws/mempool?format=json") as client:
        epoch = json.loads(client.text())["epoch"]
        assert stream.begin() == f"{epoch}:0"
        for payload in ("a\r\nb", b"\x00\xff", "batch"):
            pool.publish(payload)
            block = stream.next()
            assert block.data == client.text()
            assert block.id == f"{epoch}:{json.loads(block.data)['offset']}"


# ---- positions ----


def test_last_event_id_resumes_to_the_event_and_goes_before_since(listen: Listen) -> None:
    """A browser that reconnects asks the URL it was given, since=, and says where it has come since."""
    pool = listen()
    for number in range(1, 6):
        pool.publish(f"event {number}")
    with EventStream(pool.port, "/events/mempool?since=0") as stream:
        epoch = stream.begin().split(":")[0]
        assert [stream.next().data for _ in range(5)] == [f"event {number}" for number in range(1, 6)]
    for path, header, first in [
        (f"/events/mempool?since={epoch}:3", "", 4),
        ("/events/mempool", f"{epoch}:2", 3),
        ("/events/mempool?since=0", f"{epoch}:4", 5),
        (f"/events/mempool?since={epoch}:3", "0", 1),
    ]:
        headers = [f"Last-Event-ID: {header}"] if header else []
        with EventStream(pool.port, path, *headers) as stream:
            assert stream.begin() == f"{epoch}:{first - 1}"
            assert [stream.next().id for _ in range(first, 6)] == [f"{epoch}:{number}" for number in range(first, 6)]


def test_a_stream_that_breaks_before_its_first_event_can_be_resumed(listen: Listen) -> None:
    """The id of the first block is where it began."""
    pool = listen()
    with EventStream(pool.port) as stream:
        began = stream.begin()
    pool.publish("in between")
    with EventStream(pool.port, "/events/mempool", f"Last-Event-ID: {began}") as stream:
        assert stream.event().data == "in between"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_position_that_has_left_the_ring_is_told_as_lag(listen: Listen, form: str) -> None:
    """lagged N, and the id that it brings the client to."""
    pool = listen(ring_capacity=4)
    for number in range(1, 11):
        pool.publish(f"event {number}")
    with EventStream(pool.port) as stream:
        epoch = stream.begin().split(":")[0]
    with EventStream(pool.port, f"/events/mempool?format={form}", f"Last-Event-ID: {epoch}:2") as stream:
        assert stream.begin() == f"{epoch}:2"
        lagged = stream.next()
        assert (lagged.id, lagged.event) == (f"{epoch}:6", "lagged")
        if form == "json":
            assert json.loads(lagged.data or "") == {"type": "lagged", "epoch": epoch, "missed": 4, "resume": f"{epoch}:6"}
        else:
            assert lagged.data == "lagged 4"
        assert [stream.next().id for _ in range(4)] == [f"{epoch}:{number}" for number in (7, 8, 9, 10)]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("position", ["elsewhere:1", "{epoch}:99"])
def test_a_position_of_another_epoch_or_of_the_future_begins_anew(listen: Listen, position: str, form: str) -> None:
    """reset, in both forms, as there is no hello; then all that is retained."""
    pool = listen()
    pool.publish("kept")
    with EventStream(pool.port) as stream:
        epoch = stream.begin().split(":")[0]
    with EventStream(pool.port, f"/events/mempool?format={form}", "Last-Event-ID: " + position.format(epoch=epoch)) as stream:
        reset = stream.next()
        assert (reset.id, reset.event) == (f"{epoch}:0", "reset")
        expected = {"type": "reset", "epoch": epoch, "offset": 0}
        assert reset.data == f"reset {epoch}" if form == "text" else json.loads(reset.data or "") == expected
        assert stream.next().id == f"{epoch}:1"


@pytest.mark.parametrize(
    ("query", "header", "named"),
    [
        ("since=here", "", "since"),
        ("format=xml", "", "format"),
        ("slow=drop", "", "slow"),
        ("since=0&since=0", "", "since"),
        ("since=%zz", "", "since"),
        ("", "Last-Event-ID: here", "Last-Event-ID"),
        ("", "Last-Event-ID: e:-1", "Last-Event-ID"),
        ("since=0", "Last-Event-ID: 17", "Last-Event-ID"),
        ("since=here", "Last-Event-ID: e:1", "since"),
        ("", "Last-Event-ID: e:1\r\nLast-Event-ID: e:1", "Last-Event-ID"),
    ],
)
def test_what_is_malformed_is_400(listen: Listen, query: str, header: str, named: str) -> None:
    """With a sentence that names it; the connection is kept."""
    with Http(listen().port) as http:
        for _ in range(2):
            answer = http.ask("GET", f"/events/mempool?{query}", None, *([header] if header else []))
            assert (answer.status, answer.json["error"]) == (400, "bad_request")
            assert named in answer.json["detail"]


def test_another_method_is_405_and_another_topic_404(listen: Listen) -> None:
    """As everywhere."""
    port = listen().port
    with Http(port) as http:
        answer = http.ask("POST", "/events/mempool", b"x")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert http.ask("GET", "/events/other").status == 404


# ---- who is slow, who is gone ----


def test_the_three_policies_hold_their_counts(listen: Listen) -> None:
    """sent + lagged = the difference of the offsets; `close` ends with the position, and what was missed is told to who comes back."""
    pool = listen(ring_capacity=8)
    large = "x" * 60_000
    streams = {slow: EventStream(pool.port, f"/events/mempool?slow={slow}", receive_buffer=4096) for slow in ("lag", "latest", "close")}
    try:
        epoch = [stream.begin().split(":")[0] for stream in streams.values()][0]
        for _ in range(100):
            pool.publish(large)
        missed = {"lag": 0, "latest": 0}
        for slow in missed:
            offset = 0
            while offset < 100:
                block = streams[slow].next()
                if block.event == "lagged":
                    missed[slow] += int((block.data or "").removeprefix("lagged "))
                    offset += int((block.data or "").removeprefix("lagged "))
                else:
                    offset += 1
                assert block.id == f"{epoch}:{offset}"
        assert missed["latest"] > missed["lag"] >= 50
        closed = streams["close"]
        while (block := closed.next()).data is not None:
            assert block.event == "message"
        assert block.comments == [f"resume {closed.last_id}"]
        assert closed.rest() == b""
        offset = int(closed.last_id.split(":")[1])
        with EventStream(pool.port, "/events/mempool?slow=close", f"Last-Event-ID: {closed.last_id}") as again:
            again.begin()
            lagged = again.next()
            assert (lagged.data, lagged.id) == (f"lagged {92 - offset}", f"{epoch}:92")
            assert [again.next().id for _ in range(8)] == [f"{epoch}:{number}" for number in range(93, 101)]
    finally:
        for stream in streams.values():
            stream.close()


def test_a_client_that_vanishes_frees_its_seat(listen: Listen) -> None:
    """By FIN and by RST, without an event having to be sent."""
    pool = listen()
    fin, rst = EventStream(pool.port), EventStream(pool.port)
    until(lambda: pool.listener_count == 2, "both are counted")
    fin.close()
    rst.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    rst.close()
    until(lambda: pool.listener_count == 0, "both seats are free")


def test_one_that_acknowledges_nothing_more_is_given_up(listen: Listen) -> None:
    """What it was sent waits in the kernel alone: no socket is full, and it has no pong to owe. TCP gives it up after stall_timeout_ms."""
    pool = listen(stall_timeout_ms=500, ping_interval_ms=0)
    with EventStream(pool.port, receive_buffer=4096) as stream:
        stream.begin()
        for _ in range(12):
            pool.publish("x" * 1000)
        until(lambda: pool.listener_count == 0, "its seat is free")
    assert pool.stats.clients_closed_stalled == 1  # whoever noticed it first, TCP or we


def test_what_it_sends_behind_its_request_is_dropped(listen: Listen) -> None:
    """The answer says that no other request is read; a flood ends it."""
    pool = listen()
    with EventStream(pool.port) as stream:
        stream.begin()
        stream.socket.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        pool.publish("next")
        assert stream.next().data == "next"
        with pytest.raises(OSError):
            for _ in range(10_000):
                stream.socket.sendall(b"x" * 65536)
    until(lambda: pool.listener_count == 0, "its seat is free")


def test_a_drain_gives_every_client_the_rest_then_draining_and_the_end(listen: Listen) -> None:
    """draining says when to come back, to the browser as `retry` too; the end can be read whole."""
    pool = listen()
    with EventStream(pool.port) as text, EventStream(pool.port, "/events/mempool?format=json") as js:
        until(lambda: pool.listener_count == 2, "both are counted")
        pool.publish("the last")
        stopper = threading.Thread(target=pool.stop, args=(LIMIT_S,))
        stopper.start()
        for stream in (text, js):
            last = stream.event()
            assert last.event == "message"
            block = stream.event()
            assert (block.event, block.id) == ("draining", last.id)
            assert block.retry_ms is not None and 500 <= block.retry_ms <= 5000
            if stream is text:
                assert block.data == f"draining {block.retry_ms}"
            else:
                assert json.loads(block.data or "") == {"type": "draining", "reconnect_in_ms": block.retry_ms}
            assert stream.rest() == b": draining\n\n"
    stopper.join(LIMIT_S)
    assert not stopper.is_alive()


# ---- what is allowed ----


def test_streams_count_as_connections(listen: Listen) -> None:
    """max_connections holds for them too: one more is 503 `connections`."""
    pool = listen(max_connections=2)
    with EventStream(pool.port) as one, EventStream(pool.port) as two:
        one.begin(), two.begin()
        assert refused(pool.port, "/healthz").json["error"] == "connections"


def test_a_policy_that_is_not_allowed_is_400_on_both_roads(listen: Listen) -> None:
    """It says what is; who asks for none gets slow_default."""
    pool = listen(slow_allowed="latest,close", slow_default="close", ring_capacity=4)
    answer = refused(pool.port, "/events/mempool?slow=lag")
    assert (answer.status, answer.json["error"]) == (400, "bad_request")
    assert "allowed: latest, close" in answer.json["detail"]
    with Http(pool.port) as http:
        http.send(handshake("/ws/mempool?slow=lag"))
        answer = http.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert "allowed: latest, close" in answer.json["detail"]
    with EventStream(pool.port, receive_buffer=4096) as stream:
        stream.begin()
        for _ in range(100):
            pool.publish("x" * 60_000)
        while (block := stream.next()).data is not None:
            pass
        assert block.comments == [f"resume {stream.last_id}"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slow_default": "drop"}, "lag, latest or close"),
        ({"slow_allowed": "lag,drop"}, "lag, latest and close"),
        ({"slow_allowed": ""}, "(empty)"),
        ({"slow_allowed": "latest,close"}, "slow_default lag is not in slow_allowed latest,close"),
    ],
)
def test_policies_are_checked_before_anything_starts(options: dict[str, str], said: str) -> None:
    """A default that nobody could ask for is refused too."""
    with pytest.raises(mempool.Invalid, match="slow_") as raised:
        mempool.Pool(listen_host="", **options)  # type: ignore[arg-type]
    assert said in str(raised.value)
