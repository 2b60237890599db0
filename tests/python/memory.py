# SPDX-License-Identifier: MIT
"""The bound of docs/architecture.md, "Memory": what the stream may hold, over what the process holds with nothing published and nobody
there. Every figure of it stands there too."""

from __future__ import annotations

from collections.abc import Mapping

from formats import bytes_of, is_deflated

KIB = 1024
SEGMENT_BYTES = 64 * KIB
DEFLATER_BYTES = 264 * KIB


def bound_bytes(options: Mapping[str, int], clients: Mapping[str, int], factor: int = 1) -> int:
    """clients: how many of each format, whose lane is there; factor: what that format makes of each byte of a message."""
    largest = options["message_max_bytes"]
    events = options["ring_capacity"]
    bound = options["ring_bytes"] + 200 * events
    for form in clients:
        event = bytes_of(form, largest, factor)
        in_this_format = options["ring_bytes"] * factor + bytes_of(form, 0) * events
        bound += min(in_this_format, options["lane_bytes"]) + max(SEGMENT_BYTES, event)
        bound += clients[form] * (event + 1 * KIB)
    bound += DEFLATER_BYTES if any(map(is_deflated, clients)) else 0
    widest = max(bytes_of(form, largest, factor) for form in clients)
    return bound + SEGMENT_BYTES + widest + 2 * widest  # older events, for who catches up; the event being rendered
