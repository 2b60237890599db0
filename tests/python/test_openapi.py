# SPDX-License-Identifier: MIT
"""docs/openapi.yaml against the running server: schemathesis makes requests from it, right ones and wrong ones, and holds every answer to it.

The server is below a prefix, as behind a proxy. What schemathesis can't bring about by itself is in test_openapi_answers.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings

import mempool
from clients import LIMIT_S
from described import DOCS, OPENAPI

PREFIX = "/live"
STREAM = "/events/mempool"
# A wrong request gets any 4xx, a right one its answer, or that there is no such transaction (any more), that its key came before with
# another one, or that it is no handshake, which schemathesis does not make.
EXPECTED = {
    "negative_data_rejection": {"expected-statuses": ["4xx"]},
    "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "410", "422", "426"]},
}
schema = schemathesis.openapi.from_path(str(DOCS / "openapi.yaml"), config=schemathesis.Config.from_dict({"checks": EXPECTED}))
thorough = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@schemathesis.serializer("application/x-ndjson")
def as_it_is(context: schemathesis.SerializationContext, value: Any) -> bytes:
    """Lines are sent as they are."""
    return value if isinstance(value, bytes) else str(value).encode()


@schema.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """A number is no wrong body of lines: written down, it is a line."""
    return case.media_type != "application/x-ndjson" or isinstance(case.body, str | bytes)


def no_odd_lengths(batch: mempool.TxBatch) -> None:
    """So that both kinds of outcome come."""
    for tx in batch:
        if len(tx.data) % 2:
            tx.reject("odd")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all."""
    with mempool.Pool(
        listen_host="127.0.0.1", listen_port=0, route_prefix=PREFIX, batch_interval_ms=0, outcomes_capacity=8, apply=no_odd_lengths
    ) as pool:
        yield OPENAPI["servers"][0]["url"].format(host=f"127.0.0.1:{pool.port}", prefix=PREFIX)


@schema.exclude(path=STREAM).parametrize()
@thorough
def test_the_server_answers_as_the_description_says(case: schemathesis.Case, url: str) -> None:
    """Status, headers and body of each answer."""
    case.call_and_validate(base_url=url)


@schema.include(path=STREAM).parametrize()
@thorough
def test_the_stream_of_events_answers_as_the_description_says(case: schemathesis.Case, url: str) -> None:
    """It never ends by itself: an answer of 200 is read to the first empty line, and its connection closed. Every other ends."""
    with requests.request(**case.as_transport_kwargs(base_url=url), stream=True, timeout=LIMIT_S) as answer:
        if answer.status_code == 200 and case.method == "GET":
            lines = iter(answer.iter_lines(chunk_size=1).__next__, b"")
            answer._content, answer._content_consumed = b"\n".join(lines) + b"\n\n", True  # type: ignore[attr-defined]
            assert answer.content.startswith(b"id: ")
        case.validate_response(answer)
