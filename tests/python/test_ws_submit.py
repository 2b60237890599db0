# SPDX-License-Identifier: MIT
"""Submitting over the WebSocket as docs/spec/wire.md has it ("Messages from a client"), against the real socket."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

import mempool
from clients import BINARY, CLOSE, LIMIT_S, PING, PONG, TEXT, EventStream, Frame, Http, WebSocket, closing, frame, until
from submitting import Submitter, tx

Listen = Callable[..., mempool.Pool]

WAITS_MAX = 64  # outcomes that a client may await at a time
AWAITED = 10  # by the one that hears a drain


class Held:
    """An apply that waits until it is let go on."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()
        self.got: list[bytes] = []

    def __call__(self, batch: mempool.TxBatch) -> None:
        self.entered.set()
        assert self.go_on.wait(LIMIT_S)
        self.got.extend(tx.data for tx in batch)


def key(text: str) -> str:
    return f"Idempotency-Key: {text}"


# ---- what it is answered ----


def test_each_is_answered_under_its_ref(listen: Listen) -> None:
    """With the library that programs use: `accepted` under the ref, up to 64 bytes of any text; without one no answer has one."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    with connect(f"ws://127.0.0.1:{pool.port}/ws/mempool?format=json", compression=None) as client:
        assert json.loads(client.recv(LIMIT_S))["type"] == "hello"

        def asked(**members: object) -> Any:
            client.send(json.dumps({"type": "tx", **members}))
            return answer_of(client)

        for number, ref in enumerate(("a1", "", 'qu"ote\n', "\N{SNOWMAN}" * 21, "r" * 64), 1):
            assert asked(data=f"pay {number}", ref=ref) == {"type": "accepted", "ref": ref, "id": str(number)}
        assert asked(data="pay 6") == {"type": "accepted", "id": "6"}
        assert asked(data="pay 7", ref="r" * 65)["error"] == "bad_request"
        settled = asked(data="pay 7", ref="last", wait=True)
        assert settled == {"type": "accepted", "ref": "last", "id": "7"}
        assert answer_of(client)["status"] == "applied"
    assert got == [b"pay %d" % number for number in range(1, 8)]


def answer_of(client: ClientConnection) -> Any:
    """The next message that is no event of the stream."""
    while (said := json.loads(client.recv(LIMIT_S)))["type"] == "batch":
        pass
    return said


def test_bytes_come_as_base64(listen: Listen) -> None:
    """data_base64 is the transaction byte for byte, whatever they are; what is no base64 is bad_request, and nothing is queued."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    every_byte = bytes(range(256))
    with Submitter(pool.port) as client:
        for data in (every_byte, b"\0", b"\xff\xfe", b'{"pay":"\xc3\x28"}'):
            client.submit(data_base64=base64.b64encode(data).decode(), wait=True)
            assert client.told()["type"] == "accepted"
            assert client.told()["status"] == "applied"
        for bad in ("aGk", "aGk=\n", "a*k=", "aGk==", "=", 17, None):
            client.submit(data_base64=bad, ref="bad")
            assert client.told()["error"] == "bad_request"
    assert got == [every_byte, b"\0", b"\xff\xfe", b'{"pay":"\xc3\x28"}']
    assert pool.stats.accepted == 4


def test_outcomes_stand_between_the_events_of_the_stream(listen: Listen) -> None:
    """What is published while outcomes come has its offsets without a hole: an answer is no part of the stream, and costs none of it."""

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            pool.publish("of a batch")
            if tx.data == b"bad":
                tx.reject("it is bad")

    pool = listen(apply)
    with Submitter(pool.port) as client:
        for number in range(50):
            client.submit(data="bad" if number % 2 else "good", ref=str(number), wait=True)
            pool.publish("x" * 3000)
        outcomes = [client.until("outcome") for _ in range(50)]
        client.hear(lambda: len(client.events) == 100 + pool.stats.batches)
        assert [told["ref"] for told in outcomes] == [str(number) for number in range(50)]
        assert [told["status"] for told in outcomes] == ["applied", "rejected"] * 25
        assert all(told["reason"] == "it is bad" for told in outcomes if told["status"] == "rejected")
        assert client.offsets() == list(range(1, len(client.events) + 1))
        batches = {event["batch"] for event in client.events if event["type"] == "batch"}
        assert {told["batch"] for told in outcomes} <= batches


def test_a_tx_that_cannot_be_taken_is_refused_and_the_client_stays(listen: Listen) -> None:
    """Whatever it says, it is told what was wrong with it and may go on; only what is no JSON has no ref."""
    pool = listen(tx_max_bytes=100)
    rows = [
        ({"data": ""}, "empty"),
        ({"data_base64": ""}, "empty"),
        ({"data": "x" * 101}, "too_large"),
        ({}, "bad_request"),
        ({"data": "a", "data_base64": "aGk="}, "bad_request"),
        ({"data": "a", "key": 1}, "bad_request"),
        ({"data": "a", "wait": "yes"}, "bad_request"),
        ({"data": ["a"]}, "bad_request"),
    ]
    with Submitter(pool.port) as client:
        for members, error in rows:
            client.submit(ref="r", **members)
            refused = client.told()
            assert (refused["type"], refused["ref"], refused["error"]) == ("refused", "r", error), members
            assert refused["detail"] and "retry_in_ms" not in refused
        for text in (b"{", b"", b"[" * 33 + b"]" * 33, b'{"type":"tx"}x', b"tx"):
            client.send(frame(TEXT, text))
            bad = client.told()
            assert (bad["type"], bad["error"]) == ("error", "bad_message") and bad["detail"]
        client.submit(data="x" * 100, ref="r")
        assert client.told() == {"type": "accepted", "ref": "r", "id": "1"}
    assert (pool.stats.accepted, pool.stats.messages_ignored) == (1, 0)


# ---- keys ----


def test_a_key_is_one_over_every_way_in(listen: Listen) -> None:
    """What came over the socket is known to POST /tx, and the other way round, with its id and its outcome; another transaction is a
    conflict either way, and nothing is queued twice."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    with Submitter(pool.port) as client, Submitter(pool.port) as other, Http(pool.port) as http:
        client.submit(data="pay 1", key="over the socket", ref="a")
        assert client.told() == {"type": "accepted", "ref": "a", "id": "1"}
        other.submit(data="pay 1", key="over the socket", ref="b", wait=True)
        assert other.told() == {"type": "accepted", "ref": "b", "id": "1"}
        assert other.told()["status"] == "applied"
        again = http.ask("POST", "/tx?wait=20", b"pay 1", key("over the socket"))
        assert (again.status, again.json["id"], again.json["status"]) == (200, "1", "applied")
        assert http.ask("POST", "/tx", b"pay 2", key("over the socket")).json["error"] == "key_conflict"

        assert http.ask("POST", "/tx", b"pay 2", key("over HTTP")).json["id"] == "2"
        client.submit(data_base64=base64.b64encode(b"pay 2").decode(), key="over HTTP", wait=True)
        assert client.told() == {"type": "accepted", "id": "2"}
        assert client.told()["id"] == "2"
        client.submit(data="pay 3", key="over HTTP", ref="c")
        conflict = client.told()
        assert (conflict["type"], conflict["ref"], conflict["error"]) == ("refused", "c", "key_conflict")
        client.submit(data="pay 2", key="over HTTP")
        assert client.told()["id"] == "2"
    assert got == [b"pay 1", b"pay 2"]


def test_a_key_has_1_to_255_bytes(listen: Listen) -> None:
    """0 and 256 bytes are bad_request, also where 256 are fewer characters; 255 are taken, and remembered whole."""
    pool = listen()
    with Submitter(pool.port) as client:
        for bad in ("", "k" * 256, "é" * 128):
            client.submit(data="pay", key=bad, ref="r")
            assert client.told()["error"] == "bad_request"
        for number, good in enumerate(("k", "k" * 255, "k" * 254 + "l", "é" * 127), 1):
            for _ in range(2):
                client.submit(data="pay", key=good)
                assert client.told() == {"type": "accepted", "id": str(number)}
    assert pool.stats.accepted == 4


def test_a_refused_submission_leaves_its_key_free(listen: Listen) -> None:
    """Too large, empty or full: the key can still be used, for something else too."""
    held = Held()
    pool = listen(held, queue_capacity=1, tx_max_bytes=5)
    with Submitter(pool.port) as client:
        client.submit(data="held")
        assert client.told()["id"] == "1"
        assert held.entered.wait(LIMIT_S)
        client.submit(data="fills", key="old")
        assert client.told()["id"] == "2"
        for data, error in (("toolong", "too_large"), ("", "empty"), ("more", "full")):
            client.submit(data=data, key="k", wait=True)
            assert client.told()["error"] == error
        client.submit(data="fills", key="old", wait=True)  # a repetition needs no room
        assert client.told()["id"] == "2"
        held.go_on.set()
        assert client.until("outcome")["id"] == "2"
        client.submit(data="other", key="k")
        assert client.told() == {"type": "accepted", "id": "3"}


# ---- limits ----


def test_64_outcomes_are_awaited_at_a_time(listen: Listen) -> None:
    """The 65th with `wait` is full at once; without it is taken, another client has 64 of its own, and each outcome makes room for one."""
    held = Held()
    pool = listen(held)
    with Submitter(pool.port) as client, Submitter(pool.port) as other:
        for number in range(WAITS_MAX):
            client.submit(data="pay", ref=str(number), wait=True)
            assert client.told()["type"] == "accepted"
        client.submit(data="pay", ref="65", wait=True)
        full = client.told()
        assert (full["type"], full["ref"], full["error"], full["retry_in_ms"]) == ("refused", "65", "full", 50)
        client.submit(data="pay", ref="unawaited")
        assert client.told()["type"] == "accepted"
        other.submit(data="pay", wait=True)
        assert other.told()["type"] == "accepted"
        held.go_on.set()
        assert [client.until("outcome")["ref"] for _ in range(WAITS_MAX)] == [str(number) for number in range(WAITS_MAX)]
        assert other.until("outcome")["status"] == "applied"
        for _ in range(WAITS_MAX + 1):  # none of the places was lost
            client.submit(data="pay", wait=True)
            assert client.told()["type"] == "accepted"
            client.until("outcome")
    assert len(held.got) == pool.stats.accepted == 2 * WAITS_MAX + 3


def test_a_full_queue_says_when_to_come_again(listen: Listen) -> None:
    """`full` has retry_in_ms and nothing was queued; whoever asks again so much later is taken once there is room."""
    held = Held()
    pool = listen(held, queue_capacity=2)
    with Submitter(pool.port) as client:
        client.submit(data="held")
        assert client.told()["id"] == "1"
        assert held.entered.wait(LIMIT_S)
        for number in (2, 3):
            client.submit(data=f"fills {number}")
            assert client.told()["id"] == str(number)
        for wait in (False, True):
            client.submit(data="no room", ref="r", wait=wait)
            full = client.told()
            assert (full["type"], full["ref"], full["error"], full["retry_in_ms"]) == ("refused", "r", "full", 50)
        assert pool.stats.accepted == 3
        held.go_on.set()

        def taken() -> bool:
            client.submit(data="room", wait=True)
            return bool(client.told()["type"] == "accepted")

        until(taken, "the queue has room again")
        assert client.until("outcome")["id"] == "4"
    assert held.got == [b"held", b"fills 2", b"fills 3", b"room"]


def test_a_transaction_may_be_just_as_large_as_it_may(listen: Listen) -> None:
    """tx_max_bytes is the limit of the transaction, as text or base64; one byte more is too_large."""
    pool = listen(tx_max_bytes=3000)
    with Submitter(pool.port) as client:
        for size, answer in ((3000, "accepted"), (3001, "refused")):
            for members in ({"data": "x" * size}, {"data_base64": base64.b64encode(b"\xff" * size).decode()}):
                client.submit(**members)
                got = client.told()
                assert (got["type"], got.get("error")) == (answer, "too_large" if answer == "refused" else None)
        client.submit(data="é" * 1500)
        assert client.told()["type"] == "accepted"
        client.submit(data="é" * 1500 + "x")
        assert client.told()["error"] == "too_large"


def test_a_message_may_be_just_as_large_as_it_may(listen: Listen) -> None:
    """message_max_bytes is the limit of the whole message; one byte more, in one frame or two, ends the connection by 1009 and queues nothing."""
    pool = listen(message_max_bytes=5000)
    short = tx(data="pay")
    most = short + b" " * (5000 - len(short))  # JSON may have white space behind it
    with Submitter(pool.port) as client:
        client.send(frame(TEXT, most))
        assert client.told()["id"] == "1"
        client.send(frame(TEXT, most[:2500], fin=False) + frame(0, most[2500:]))
        assert client.told()["id"] == "2"
    for raw in (frame(TEXT, most + b" "), frame(TEXT, most, fin=False) + frame(0, b" ")):
        with Submitter(pool.port) as client:
            client.send(raw)
            assert client.close_code() == 1009
    assert pool.stats.accepted == 2


def test_a_ping_may_stand_within_a_message(listen: Listen) -> None:
    """A submission cut anywhere into fragments, in the middle of a character too, is one; a ping between them is answered at once, before it."""
    got: list[bytes] = []
    pool = listen(lambda batch: got.extend(tx.data for tx in batch))
    said = json.dumps({"type": "tx", "data": "päy", "ref": "\N{SNOWMAN}", "wait": True}, ensure_ascii=False).encode()
    with Submitter(pool.port) as client:
        for cut in range(1, len(said)):
            client.send(frame(TEXT, said[:cut], fin=False) + frame(PING, b"%d" % cut))
            assert client.next_private() == Frame(PONG, b"%d" % cut)
            client.send(frame(0, said[cut:]))
            assert client.told() == {"type": "accepted", "ref": "\N{SNOWMAN}", "id": str(cut)}
            assert client.until("outcome")["id"] == str(cut)
    assert got == ["päy".encode()] * (len(said) - 1)


def test_who_reads_no_json_submits_nothing(listen: Listen) -> None:
    """The message that a JSON client submits by is ignored and counted where a text client sends it, and in a binary message; of a client of
    Server-Sent Events, which has no messages, it is dropped. They all go on hearing."""
    pool = listen()
    said = frame(TEXT, tx(data="pay", ref="r", wait=True))
    with WebSocket(pool.port) as text, Submitter(pool.port) as of_json, EventStream(pool.port) as sse:
        sse.begin()
        text.send(said + frame(PING, b"heard"))
        assert text.next() == Frame(PONG, b"heard")
        of_json.send(frame(BINARY, tx(data="pay")) + frame(TEXT, b'{"type":"other"}') + frame(PING, b"heard"))
        assert of_json.next() == Frame(PONG, b"heard")
        sse.socket.sendall(said)
        pool.publish("news")
        assert text.text() == "news"
        assert sse.event().data == "news"
        assert of_json.event()["data"] == "news"
        assert (pool.stats.messages_ignored, pool.stats.accepted) == (3, 0)


# ---- many, and those who go ----


def test_ten_clients_with_a_thousand_each(listen: Listen) -> None:
    """While events flow: each ref is accepted exactly once, in the order of its client's submissions, and has its outcome exactly once; the
    stream has no hole."""
    clients, each = 10, 1000
    applied: Counter[bytes] = Counter()
    stop = threading.Event()

    def apply(batch: mempool.TxBatch) -> None:
        for tx in batch:
            applied[tx.data] += 1
            if tx.data.endswith(b"7"):
                tx.reject("a seven")

    def one(name: int) -> list[int]:
        accepted: list[str] = []
        outcomes: dict[str, Any] = {}
        with Submitter(pool.port) as client:
            sent = 0
            while len(outcomes) < each:
                while sent < each and sent - len(outcomes) < WAITS_MAX:
                    client.submit(data=f"{name} {sent}", ref=str(sent), wait=True)
                    sent += 1
                said = client.told()
                if said["type"] == "accepted":
                    accepted.append(said["ref"])
                else:
                    assert said["type"] == "outcome" and said["ref"] not in outcomes, said
                    assert said["status"] == ("rejected" if said["ref"].endswith("7") else "applied")
                    outcomes[said["ref"]] = said["id"]
            assert accepted == [str(number) for number in range(each)]
            assert client.offsets() == list(range(client.offset + 1, client.offset + 1 + len(client.events)))
            client.send(frame(PING, b"no more"))  # whatever was still to be said would come before the pong
            assert client.next_private() == Frame(PONG, b"no more")
        return [int(outcomes[ref]) for ref in accepted]

    def publish() -> None:
        while not stop.wait(0.005):
            pool.publish("meanwhile")

    pool = listen(apply, ring_capacity=65536, batch_interval_ms=2)
    with ThreadPoolExecutor(clients + 1) as threads:
        publishing = threads.submit(publish)
        try:
            ids = list(threads.map(one, range(clients), timeout=10 * LIMIT_S))
        finally:
            stop.set()
        publishing.result(LIMIT_S)
    assert all(own == sorted(own) for own in ids)
    assert sorted(id for own in ids for id in own) == list(range(1, clients * each + 1))
    assert len(applied) == clients * each and set(applied.values()) == {1}


def test_one_who_vanishes_before_its_outcome(listen: Listen) -> None:
    """By a reset or by a close: what was accepted is applied, nobody else hears its outcome, and who asks again with its key does."""
    held = Held()
    pool = listen(held)
    for number, way in enumerate(("reset", "close"), 1):
        with Submitter(pool.port) as gone:
            gone.submit(data=f"pay {number}", key=way, ref="gone", wait=True)
            assert gone.told()["id"] == str(number)
            if way == "reset":
                gone.vanish()
            else:
                gone.send(closing(1000))
                assert gone.close_code() == 1000
    until(lambda: pool.listener_count == 0, "the server has seen them go")
    with Submitter(pool.port) as client:
        client.submit(data="pay 1", key="reset", ref="again", wait=True)
        assert client.told() == {"type": "accepted", "ref": "again", "id": "1"}
        client.submit(data="mine", ref="mine", wait=True)
        assert client.told()["id"] == "3"
        held.go_on.set()
        assert [client.until("outcome")["ref"] for _ in range(2)] == ["again", "mine"]
        client.submit(data="pay 2", key="close", ref="too", wait=True)
        assert client.told() == {"type": "accepted", "ref": "too", "id": "2"}
        assert client.told()["status"] == "applied"
    assert held.got == [b"pay 1", b"pay 2", b"mine"]


# ---- the end ----


@pytest.mark.parametrize("way", ["stop", "request_stop"])
def test_a_drain_keeps_what_was_accepted_and_says_so(listen: Listen, way: str) -> None:
    """Who submits while the pool drains is refused with `draining`; what was accepted before is applied, and each outcome that is awaited is
    told before `draining` and the close 1001."""
    held = Held()
    pool = listen(held)
    with Submitter(pool.port) as client, ThreadPoolExecutor(1) as threads:
        for number in range(AWAITED):
            client.submit(data=f"pay {number}", ref=str(number), key=str(number), wait=True)
            assert client.told()["type"] == "accepted"
        if way == "request_stop":
            pool.request_stop()
        stopping = threads.submit(pool.stop, LIMIT_S)
        until(lambda: pool.state == "DRAINING", "it drains")
        in_time = 0  # it says that it drains a moment before its queue is closed
        while (late := client.asked(data="late", ref="late"))["type"] == "accepted":
            in_time += 1
        assert (late["type"], late["ref"], late["error"]) == ("refused", "late", "draining")
        assert client.asked(data="late", wait=True)["error"] == "draining"
        client.submit(data="pay 0", key="0", ref="again")  # what was accepted is known still
        assert client.told() == {"type": "accepted", "ref": "again", "id": "1"}
        held.go_on.set()
        outcomes = [client.told() for _ in range(AWAITED)]
        assert [(each["type"], each["ref"], each["status"]) for each in outcomes] == [
            ("outcome", str(number), "applied") for number in range(AWAITED)
        ]
        assert client.told()["type"] == "draining"
        close = client.next()
        assert (close.opcode, close.payload[:2]) == (CLOSE, (1001).to_bytes(2, "big"))
        assert client.events[-1]["type"] == "batch"
        client.send(closing(1001))
        assert client.ended()
        stopping.result(LIMIT_S)
    assert held.got == [b"pay %d" % number for number in range(AWAITED)] + [b"late"] * in_time
