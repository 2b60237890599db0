# SPDX-License-Identifier: MIT
"""docs/troubleshooting.md quotes what the code says: each message that it quotes, and each name of ours, is one that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from described import OPENAPI, at

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
# What is quoted of other programs: to be typed, or said to a proxy.
FOREIGN = re.compile(r"(proxy_\w+|client_max_body_size|setcap|sysctl|nstat|cat|ls|ss|ip|curl|ulimit|namei|umask|gzip|timeout|metrics_path|net\.|malloc_trim)\b")
# Where a message has a number, a path, or something else of the moment.
MOMENT = re.compile(r"\d[\d.]*|(?<= )/\S+|\.\.\.")


def said_by_the_code() -> str:
    """Every string literal of the library and the package, one a line; neighbours are one, as the compiler has it."""
    found = []
    for folder, pattern in (("libmempool", "*.cpp"), ("capi", "*.cpp"), ("python/mempool", "*.py")):
        for file in sorted((ROOT / folder).rglob(pattern)):
            text = re.sub(r'"\s*(?:PRIu64)?\s*"', "", file.read_text())
            found += re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)
    return "\n".join(found)


SAID = said_by_the_code()
NAMES = SAID + (ROOT / "capi" / "mempool.h").read_text() + (ROOT / "docs" / "counters.md").read_text()


def unsaid(quote: str) -> list[str]:
    """The parts of a quoted message that no message of ours has."""
    return [part for part in MOMENT.split(quote) if part.strip() and part.strip() not in SAID]


def quotes(page: str) -> list[str]:
    """What stands between backticks and is ours."""
    return [quote for quote in re.findall(r"`([^`\n]+)`", page) if not FOREIGN.match(quote)]


MESSAGES = [quote for quote in quotes(PAGE) if quote.count(" ") >= 2 and "$" not in quote]


@pytest.mark.parametrize("quote", MESSAGES)
def test_a_message_that_is_quoted_is_one_of_ours(quote: str) -> None:
    """Word for word, but for its numbers and paths."""
    assert unsaid(quote) == []


def test_the_page_quotes_messages() -> None:
    """Of every kind: at start, over HTTP, in the log; and a message that nobody says is found."""
    for known in ("listen_port 3000 is in use on", "the body is larger than", "max_connections reached:", "apply failed: all"):
        assert any(known in quote for quote in quotes(PAGE)), known
    assert len(MESSAGES) > 15
    assert unsaid("the queue holds 65536 transactions (queue_size)") != []
    assert unsaid("listen_port 3000 is taken on 127.0.0.1") != []


def test_a_name_of_ours_is_one() -> None:
    """Options, counters and functions that are named are there; words of errors are those of openapi.yaml."""
    names = {name for quote in quotes(PAGE) for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", quote) if quote.count(" ") < 2}
    assert len(names) > 20
    assert {name for name in names if not re.search(rf"\b{name}\b", NAMES)} == set()
    errors = re.findall(r"\b(?:40\d|41\d|42\d|503) `(\w+)`", PAGE)
    assert set(errors) > {"full", "draining", "rate", "connections"}
    assert set(errors) <= set(at(OPENAPI, "components", "schemas", "Error", "properties", "error", "enum"))
