# SPDX-License-Identifier: MIT
"""docs/asyncapi.yaml against the running server: its examples are what its schemas say, a client's are taken, and every message that a server
sends is described; a description that were wrong would be found."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

import mempool
from clients import LIMIT_S, TEXT, Block, EventStream, WebSocket, frame
from described import ASYNCAPI, at, faults, planted, resolved

MESSAGES: dict[str, Any] = ASYNCAPI["components"]["messages"]
EXAMPLES = [(name, example["payload"]) for name, message in MESSAGES.items() for example in message["examples"]]
REFUSALS = set(at(ASYNCAPI, "components", "messages", "refused", "payload", "properties", "error", "enum"))


def wrong(name: str, payload: Any, page: dict[str, Any] = ASYNCAPI) -> list[str]:
    """In what a message is not what the page says of those of that name."""
    return faults(page, at(page, "components", "messages", name, "payload"), payload)


class Talker(WebSocket):
    """A JSON client that keeps all it hears."""

    def __init__(self, port: int, query: str = "") -> None:
        super().__init__(port, f"/ws/mempool?format=json{query}")
        self.heard: list[dict[str, Any]] = []

    def say(self, message: dict[str, Any] | str) -> None:
        self.send(frame(TEXT, (message if isinstance(message, str) else json.dumps(message)).encode()))

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of these types."""
        while True:
            self.heard.append(json.loads(self.text()))
            if self.heard[-1]["type"] in kinds:
                return self.heard[-1]

    def ask(self, *kinds: str, **tx: Any) -> dict[str, Any]:
        self.say({"type": "tx", **tx})
        return self.hear(*kinds)


class Gate:
    """An apply that rejects what is no payment, and is held by `hold`."""

    def __init__(self) -> None:
        self.entered, self.go_on = threading.Event(), threading.Event()

    def __call__(self, batch: mempool.TxBatch) -> None:
        for tx in batch:
            if tx.data == b"hold":
                self.entered.set()
                assert self.go_on.wait(LIMIT_S)
            elif not tx.data.startswith(b"pay"):
                tx.reject("unknown verb")


def submissions(talker: Talker, gate: Gate) -> None:
    """Every answer that a tx can have, but for those of a drain."""
    assert talker.ask("accepted", data="pay 1", ref="a1", wait=True, key="k")["ref"] == "a1"
    assert talker.hear("outcome")["status"] == "applied"
    talker.ask("accepted", data_base64="c3RlYWw=", ref="a2", wait=True)
    assert talker.hear("outcome")["reason"] == "unknown verb"
    assert talker.ask("accepted", data="pay 1", ref="a3", wait=True, key="k")["id"] == "1"
    assert talker.hear("outcome")["status"] == "gone"  # outcomes_capacity is 1
    for error, tx in {
        "bad_request": {"ref": "a5"},
        "empty": {"data": ""},
        "too_large": {"data": "x" * 101},
        "key_conflict": {"data": "pay 2", "key": "k"},
    }.items():
        assert talker.ask("refused", **tx)["error"] == error
    talker.say('{"type":"tx"')
    talker.hear("error")
    assert "ref" not in talker.ask("accepted", data="hold")
    assert gate.entered.wait(LIMIT_S)
    talker.ask("accepted", data="pay 3")
    assert talker.ask("refused", data="pay 4", ref="a9")["error"] == "full"  # queue_capacity is 1


@pytest.fixture(scope="module")
def heard() -> dict[str, list[dict[str, Any]]]:
    """What a server said to JSON clients from the first hello to the drain, by type; events of the SSE form as `event`, their data too."""
    kept: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gate = Gate()
    options = {"ring_capacity": 4, "queue_capacity": 1, "outcomes_capacity": 1, "tx_max_bytes": 100}
    with mempool.Pool(gate, listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0, **options) as pool:
        pool.publish("text")
        pool.publish(b"\x00\xff")
        with (
            Talker(pool.port, "&since=0") as talker,
            EventStream(pool.port, "/events/mempool?format=json", "Last-Event-ID: elsewhere:7") as stream,
            EventStream(pool.port, "/events/mempool?since=0") as text,
        ):
            epoch = text.begin().partition(":")[0]
            for number in range(5):  # so that position 1 leaves the ring
                pool.publish(str(number))
            try:
                submissions(talker, gate)
                with Talker(pool.port, f"&since={epoch}:1") as late:
                    late.hear("lagged")
                    kept["lagged"].append(late.heard[-1])
                with EventStream(pool.port, "/events/mempool?format=json", f"Last-Event-ID: {epoch}:1") as late_stream:
                    kept["event"].append(dispatched(late_stream.event()))
                pool.request_stop()
                assert talker.ask("refused", data="pay 5")["error"] == "draining"
            finally:
                gate.go_on.set()
            talker.hear("draining")
            for message in talker.heard:
                kept[message["type"]].append(message)
            for each in (stream, text):
                for block in until_the_end(each):
                    kept["event"].append(block)
                    if each is stream:
                        kept[block["event"]].append(json.loads(block["data"]))
    return kept


def dispatched(block: Block) -> dict[str, Any]:
    """As a browser has it."""
    return {"id": block.id, "event": block.event, "data": block.data, **({} if block.retry_ms is None else {"retry": block.retry_ms})}


def until_the_end(stream: EventStream) -> Iterator[dict[str, Any]]:
    while True:
        yield (event := dispatched(stream.event()))
        if event["event"] == "draining":
            return


@pytest.mark.parametrize(("name", "payload"), EXAMPLES, ids=[f"{name}-{number}" for number, (name, _) in enumerate(EXAMPLES)])
def test_an_example_is_what_its_schema_says(name: str, payload: dict[str, Any]) -> None:
    """And bears its type, or as an event the data of its type."""
    assert wrong(name, payload) == []
    if name != "event":
        assert payload["type"] == name
    elif payload["data"].startswith("{"):
        assert wrong(payload["event"], json.loads(payload["data"])) == []


def test_every_message_is_said_and_as_described(heard: dict[str, list[dict[str, Any]]]) -> None:
    """A server says every type that it is described to say, and nothing else, each as described; events carry their own."""
    assert set(heard) == set(MESSAGES) - {"tx"}
    for name, messages in heard.items():
        for message in messages:
            assert wrong(name, message) == [], message
    assert {event["event"] for event in heard["event"]} == set(at(ASYNCAPI, *payload_of("event"), "properties", "event", "enum"))
    assert {"data", "data_base64"} <= {member for message in heard["message"] for member in message}
    assert {message["status"] for message in heard["outcome"]} == {"applied", "rejected", "gone"}
    assert {message["error"] for message in heard["refused"]} == REFUSALS - {"internal"}  # which nobody can bring about


def test_an_example_has_the_members_of_what_is_said(heard: dict[str, list[dict[str, Any]]]) -> None:
    """In their order: a message with these members was heard."""
    for name, payload in EXAMPLES:
        if name != "tx":
            assert list(payload) in [list(message) for message in heard[name]], payload


def test_what_a_client_is_shown_to_say_is_taken() -> None:
    """Each example of a tx is accepted; one with a member of another type is not, nor is it described."""
    with mempool.Pool(listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0) as pool, Talker(pool.port) as talker:
        for name, payload in EXAMPLES:
            if name == "tx":
                talker.say(payload)
                accepted = talker.hear("accepted", "refused")
                assert (accepted["type"], accepted.get("ref")) == ("accepted", payload.get("ref"))
        for bad in ({}, {"data": 1}, {"data": ""}, {"data": "x", "data_base64": "eA=="}, {"data": "x", "ref": 1}, {"data": "x", "ref": "r" * 65},
                    {"data": "x", "key": ""}, {"data": "x", "key": "k" * 256}, {"data": "x", "wait": "yes"}):  # fmt: skip
            assert talker.ask("accepted", "refused", **bad)["type"] == "refused", bad
            assert wrong("tx", {"type": "tx", **bad}) != [], bad


def payload_of(name: str) -> tuple[str, ...]:
    return ("components", "messages", name, "payload")


FAULTS: list[tuple[str, tuple[str, ...], Any]] = [
    ("hello", ("properties", "recovered"), {"type": "string"}),
    ("batch", ("properties", "batch"), {"type": "integer"}),
    ("message", ("oneOf",), [{"required": ["text"]}]),
    ("lagged", ("properties", "resume"), {"type": "integer"}),
    ("reset", ("required",), ["type", "spread_ms"]),
    ("draining", ("properties", "reconnect_in_ms"), {"maximum": 499}),
    ("accepted", ("properties", "id"), {"type": "integer"}),
    ("refused", ("then",), False),
    ("refused", ("properties", "error", "enum"), ["full"]),
    ("outcome", ("properties", "status", "enum"), ["applied", "rejected"]),
    ("error", ("properties", "error"), {"const": "bad_json"}),
    ("event", ("properties", "retry"), None),
    ("event", ("properties", "event", "enum"), ["batch"]),
]


@pytest.mark.parametrize(("name", "steps", "fault"), FAULTS, ids=[f"{name}-{'-'.join(steps)}" for name, steps, _ in FAULTS])
def test_a_wrong_description_is_found(heard: dict[str, list[dict[str, Any]]], name: str, steps: tuple[str, ...], fault: Any) -> None:
    """A message that was heard is not as the page would say with one thing changed."""
    page = planted(ASYNCAPI, (*payload_of(name), *steps), fault)
    assert any(wrong(name, message, page) for message in heard[name])


def test_the_page_has_no_loose_end() -> None:
    """Every $ref leads somewhere, every message belongs to a channel, and every message of a channel to what is done on it."""

    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for each in node.values():
                yield from references(each)
        elif isinstance(node, list):
            for each in node:
                yield from references(each)

    for reference in references(ASYNCAPI):
        assert resolved(ASYNCAPI, {"$ref": reference}) is not None
    carried = {name: set(references(channel["messages"])) for name, channel in ASYNCAPI["channels"].items()}
    assert set().union(*carried.values()) == {f"#/components/messages/{name}" for name in MESSAGES}
    used = set(references(ASYNCAPI["operations"]))
    for name, channel in ASYNCAPI["channels"].items():
        assert {f"#/channels/{name}/messages/{message}" for message in channel["messages"]} <= used
