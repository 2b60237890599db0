# SPDX-License-Identifier: MIT
"""kosoku as a program, with two things that it has no option for: `kosoku_process.py MESSAGES_BYTES ARGUMENTS_OF_KOSOKU`.

- In the cases of permessage-deflate, 12 and 13, an echo that came uncompressed is bytes, as one that came compressed is. kosoku 0.1.0
  (November 2026) hands over a str, and reports ERROR "Strings must be encoded before hashing": Autobahn is Python 2's, where str is bytes. A
  server may send any message uncompressed (RFC 7692 6), and ours does where that is shorter. A test says when this is no longer needed.
- They end with the message that brings them to that many bytes, where their 1000 messages are more; 0 is all 1000. No context is taken
  over, so each message stands alone; but 1000 of the longest are 131 MB, which both sides deflate and inflate."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

DEFLATE = ("12", "13")  # the sections of permessage-deflate


def messages_within(size: int, bytes_max: int) -> int:
    """How many messages of that size a case sends."""
    return 1000 if bytes_max == 0 else min(1000, -(-bytes_max // size))


def heard_as_bytes(on_message: Callable[..., None]) -> Callable[..., None]:
    def heard(case: Any, message: bytes | str, binary: bool) -> None:
        if isinstance(message, str):
            message = message.encode("latin-1" if binary else "utf-8")  # of a binary message, each byte is a character
        on_message(case, message, binary)

    return heard


def run() -> None:
    from kosoku._cli import main  # not above: it puts an `autobahn` and a `pkg_resources` of its own before all others
    from kosoku.cases import CASES

    bytes_max = int(sys.argv.pop(1))
    for name, case in CASES.items():
        if name.split(".")[0] in DEFLATE:
            case.onMessage = heard_as_bytes(case.onMessage)
            case.COUNT = messages_within(case.LEN, bytes_max)
    sys.exit(main())


if __name__ == "__main__":
    run()
