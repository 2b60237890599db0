# SPDX-License-Identifier: MIT
"""docs/openapi.yaml against the running server: schemathesis makes requests from it, right ones and wrong ones, and holds every answer to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

import mempool

PAGE = Path(__file__).parents[2] / "docs" / "openapi.yaml"
# A wrong request gets any 4xx, a right one its answer, or that there is no such transaction (any more).
EXPECTED = {
    "negative_data_rejection": {"expected-statuses": ["4xx"]},
    "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "410"]},
}
schema = schemathesis.openapi.from_path(str(PAGE), config=schemathesis.Config.from_dict({"checks": EXPECTED}))


def no_odd_lengths(batch: mempool.TxBatch) -> None:
    """So that both kinds of outcome come."""
    for tx in batch:
        if len(tx.data) % 2:
            tx.reject("odd")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One server for all."""
    with mempool.Pool(
        listen_host="127.0.0.1", listen_port=0, batch_interval_ms=0, outcomes_capacity=8, apply=no_odd_lengths
    ) as pool:
        yield f"http://127.0.0.1:{pool.port}"


@schema.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_server_answers_as_the_description_says(case: schemathesis.Case, url: str) -> None:
    """Status, headers and body of each answer."""
    case.call_and_validate(base_url=url)
