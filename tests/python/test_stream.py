# SPDX-License-Identifier: MIT
"""Formats, positions and slow policies of the stream (docs/spec/wire.md), against the real socket."""

from __future__ import annotations

import base64
import json
import random
import re
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from websockets.sync.client import connect

import mempool
from clients import BINARY, CLOSE, LIMIT_S, TEXT, EventStream, Http, WebSocket, closing, handshake, until
from clients import frame as client_frame

Listen = Callable[..., mempool.Pool]
JSON = "Sec-WebSocket-Protocol: mempool.v1.json"


def said(client: WebSocket) -> Any:
    return json.loads(client.text())


def resumed(port: int, since: str, query: str = "", *headers: str) -> WebSocket:
    return WebSocket(port, f"/ws/mempool?since={since}{query}", *headers)


# ---- JSON ----


def test_a_json_client_hears_hello_then_events_with_their_positions(listen: Listen) -> None:
    """hello, batch and message as wire.md writes them, and nothing else."""

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            if tx.data == b"bad":
                tx.reject('it is "bad"')

    pool = listen(apply, batch_interval_ms=50)
    with WebSocket(pool.port, "/ws/mempool", JSON) as client:
        assert "Sec-WebSocket-Protocol: mempool.v1.json" in client.answer
        hello = said(client)
        epoch = hello["epoch"]
        assert re.fullmatch("[a-z0-9]+", epoch)
        assert hello == {
            "type": "hello",
            "topic": "mempool",
            "epoch": epoch,
            "offset": 0,
            "recovered": True,
            "retained_from": 1,
        }
        tickets = pool.submit_many([b"good", b"bad", b"good"])
        batch = said(client)
        when = datetime.fromisoformat(batch.pop("time"))
        assert abs(when.timestamp() - datetime.now().timestamp()) < LIMIT_S
        assert batch == {
            "type": "batch",
            "epoch": epoch,
            "offset": 1,
            "batch": "1",
            "applied": 2,
            "total": 3,
            "rejected": [{"id": str(list(tickets)[1].id), "reason": 'it is "bad"'}],
        }
        pool.publish('grüße "an" alle\n')
        pool.publish(b"\x00\xff\xfe")
        message = said(client)
        assert (message["type"], message["offset"], message["data"]) == ("message", 2, 'grüße "an" alle\n')
        binary = said(client)
        assert (binary["offset"], base64.b64decode(binary["data_base64"])) == (3, b"\x00\xff\xfe")


@pytest.mark.parametrize(
    ("path", "headers", "is_json"),
    [
        ("/ws/mempool", [], False),
        ("/ws/mempool?format=json", [], True),
        ("/ws/mempool?format=text", [], False),
        ("/ws/mempool?format=text", [JSON], True),
        ("/ws/mempool", ["Sec-WebSocket-Protocol: other, mempool.v1.text, mempool.v1.json"], False),
    ],
)
def test_the_subprotocol_says_the_format_else_the_query_else_it_is_text(
    listen: Listen, path: str, headers: list[str], is_json: bool
) -> None:
    """Text and JSON by subprotocol, by query, and by default."""
    pool = listen()
    with WebSocket(pool.port, path, *headers) as client:
        pool.publish("hi")
        assert client.text().startswith('{"type":"hello"') if is_json else client.text() == "hi"


@pytest.mark.parametrize("query", ["format=xml", "since=here", "since=abc:-1", "slow=drop", "since=%zz", "since=0&since=0"])
def test_a_malformed_query_is_400_before_the_upgrade(listen: Listen, query: str) -> None:
    """400 bad_request, with a sentence that names what is allowed."""
    with Http(listen().port) as http:
        http.send(handshake(f"/ws/mempool?{query}"))
        answer = http.answer()
        assert (answer.status, answer.json["error"]) == (400, "bad_request")
        assert query.split("=")[0] in answer.json["detail"]


def test_chromium_s_own_library_agrees_on_a_subprotocol(listen: Listen) -> None:
    """Python's `websockets`, asking for both, gets the first that it names."""
    pool = listen()
    with connect(f"ws://127.0.0.1:{pool.port}/ws/mempool", subprotocols=["mempool.v1.json", "mempool.v1.text"]) as client:  # type: ignore[list-item]
        assert client.subprotocol == "mempool.v1.json"
        assert json.loads(client.recv(LIMIT_S))["type"] == "hello"


# ---- positions ----


def test_since_gives_every_retained_event_behind_it_and_then_the_live_ones(listen: Listen) -> None:
    """Exact to the event, in both formats."""
    pool = listen()
    for number in range(1, 6):
        pool.publish(f"event {number}")
    with resumed(pool.port, "0", "", JSON) as all_of_it:
        hello = said(all_of_it)
        assert (hello["offset"], hello["recovered"]) == (0, True)
        assert [said(all_of_it)["offset"] for _ in range(5)] == [1, 2, 3, 4, 5]
    with resumed(pool.port, f"{hello['epoch']}:3") as text:
        assert [text.text(), text.text()] == ["event 4", "event 5"]
        pool.publish("live")
        assert text.text() == "live"
    with resumed(pool.port, f"{hello['epoch']}:6", "", JSON) as nothing_missed:
        hello = said(nothing_missed)
        assert (hello["offset"], hello["recovered"]) == (6, True)


def test_a_position_that_has_left_the_ring_is_told_as_lag(listen: Listen) -> None:
    """lagged N with the exact number; JSON: recovered false, then lagged with where it goes on."""
    pool = listen(ring_capacity=4)
    for number in range(1, 11):
        pool.publish(f"event {number}")
    with WebSocket(pool.port, "/ws/mempool", JSON) as client:
        epoch = said(client)["epoch"]
    with resumed(pool.port, f"{epoch}:2") as text:
        assert [text.text() for _ in range(5)] == ["lagged 4", "event 7", "event 8", "event 9", "event 10"]
    with resumed(pool.port, f"{epoch}:2", "", JSON) as client:
        hello = said(client)
        assert (hello["offset"], hello["recovered"], hello["retained_from"]) == (2, False, 7)
        assert said(client) == {"type": "lagged", "epoch": epoch, "missed": 4, "resume": f"{epoch}:6"}
        assert [said(client)["offset"] for _ in range(4)] == [7, 8, 9, 10]


@pytest.mark.parametrize("position", ["elsewhere:1", "{epoch}:99"])
def test_a_position_of_another_epoch_or_of_the_future_begins_anew(listen: Listen, position: str) -> None:
    """Text: reset EPOCH, then all that is retained; JSON: hello with recovered false, then the same."""
    pool = listen()
    pool.publish("kept")
    with WebSocket(pool.port, "/ws/mempool", JSON) as client:
        epoch = said(client)["epoch"]
    since = position.format(epoch=epoch)
    with resumed(pool.port, since) as text:
        assert [text.text(), text.text()] == [f"reset {epoch}", "kept"]
    with resumed(pool.port, since, "", JSON) as client:
        hello = said(client)
        assert (hello["epoch"], hello["offset"], hello["recovered"]) == (epoch, 0, False)
        assert said(client)["data"] == "kept"


# ---- who is slow ----


def test_latest_jumps_to_the_newest_and_close_says_where_to_resume(listen: Listen) -> None:
    """The three policies, side by side, behind sockets that nobody reads for a while."""
    pool = listen(ring_capacity=8)
    large = "x" * 60_000
    clients = {slow: WebSocket(pool.port, f"/ws/mempool?slow={slow}", JSON, receive_buffer=4096) for slow in ("lag", "latest", "close")}
    try:
        epoch = [said(client)["epoch"] for client in clients.values()][0]
        for _ in range(100):
            pool.publish(large)
        heard: dict[str, list[Any]] = {}
        for slow in ("lag", "latest"):
            offset, missed = 0, 0
            while offset < 100:
                event = said(clients[slow])
                if event["type"] == "lagged":
                    missed += event["missed"]
                    assert event["resume"] == f"{epoch}:{offset + event['missed']}"
                    offset += event["missed"]
                else:
                    offset += 1
                    assert event["offset"] == offset
            heard[slow] = [missed]
        assert heard["latest"][0] > heard["lag"][0] >= 50
        closed = clients["close"]
        offset = 0
        while (got := closed.next()).opcode == TEXT:
            offset += 1
            assert json.loads(got.payload)["offset"] == offset
        assert got.opcode == CLOSE
        assert int.from_bytes(got.payload[:2], "big") == 1013
        assert got.payload[2:].decode() == f"resume {epoch}:{offset}"
        closed.send(client_frame(CLOSE, got.payload))
    finally:
        for client in clients.values():
            client.close()


# ---- resuming, again and again ----


def test_ten_thousand_disconnects_and_resumes_lose_and_repeat_nothing(listen: Listen) -> None:
    """4 clients, 2,500 connections each, while a thread publishes: 0 gaps, 0 duplicates, 0 reorderings, in every format."""
    pool = listen(ring_capacity=1 << 16)
    stop = threading.Event()
    heard: list[int] = []
    at = [0] * 4  # where each client is

    def publish() -> None:
        number = 0
        while not stop.wait(0.001):
            if number - min(at) > 1000:
                continue  # the ring must not pass a client, and each resume costs the server what lies before it: far, not ever farther
            for _ in range(4):
                number += 1
                pool.publish(str(number))

    def resume_often(seed: int, is_json: bool) -> None:
        chance = random.Random(seed)
        with WebSocket(pool.port, "/ws/mempool", JSON) as first:
            hello = said(first)
        epoch, offset = hello["epoch"], hello["offset"]
        start = offset
        for _ in range(2500):
            with resumed(pool.port, f"{epoch}:{offset}", "", *([JSON] if is_json else [])) as client:
                if is_json:
                    hello = said(client)
                    assert hello["recovered"] and hello["offset"] == offset, hello
                for _ in range(chance.randrange(4)):
                    event = client.text()
                    offset += 1
                    if is_json:
                        assert json.loads(event)["offset"] == offset
                    else:
                        assert event == str(offset)
                if chance.random() < 0.1:
                    client.send(closing(1000))
            at[seed] = offset
        heard.append(offset - start)

    def resume_events_often(seed: int, is_json: bool) -> None:
        """As a browser does: with the last id that it saw, and nothing else."""
        chance = random.Random(seed)
        with EventStream(pool.port) as first:
            last_id = first.begin()
        epoch, start = last_id.split(":")
        offset = int(start)
        path = "/events/mempool?format=json" if is_json else "/events/mempool"
        for _ in range(2500):
            with EventStream(pool.port, path, f"Last-Event-ID: {last_id}") as stream:
                assert stream.begin() == last_id
                for _ in range(chance.randrange(4)):
                    block = stream.event()
                    offset += 1
                    last_id = f"{epoch}:{offset}"
                    assert block.id == last_id
                    assert (json.loads(block.data or "")["data"] if is_json else block.data) == str(offset)
            at[seed] = offset
        heard.append(offset - int(start))

    publisher = threading.Thread(target=publish)
    threads = [
        threading.Thread(target=resume_often, args=(0, True)),
        threading.Thread(target=resume_often, args=(1, False)),
        threading.Thread(target=resume_events_often, args=(2, True)),
        threading.Thread(target=resume_events_often, args=(3, False)),
    ]
    publisher.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    stop.set()
    publisher.join()
    print(f"10,000 resumes: {sum(heard)} events heard")
    assert len(heard) == 4, "a client failed: see the exception above"
    assert sum(heard) > 10_000
    until(lambda: pool.listener_count == 0, "every seat is free again")


def test_binary_messages_are_binary_to_a_text_client(listen: Listen) -> None:
    """A published message goes to a text listener as it is."""
    pool = listen()
    with WebSocket(pool.port) as client:
        pool.publish(b"\x00\x01")
        got = client.next()
        assert (got.opcode, got.payload) == (BINARY, b"\x00\x01")
