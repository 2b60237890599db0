# SPDX-License-Identifier: MIT
"""crowd.py PORT SIZE: so many clients that read, of every format by turns, until it reads a line; then it prints, as JSON, how many events
each has heard at least. Prints "there" when all of them are."""

from __future__ import annotations

import json
import os
import sys
import threading

from fan import Fan, Seat
from formats import FORMATS

HOURS_S = 7200.0


def main() -> None:
    port, size = int(sys.argv[1]), int(sys.argv[2])
    os.nice(19)  # what the others notice shall be the server's doing, not that two processors are few
    over = threading.Event()
    heard: dict[Seat, int] = {}

    def wait_for_the_end() -> None:
        sys.stdin.readline()
        over.set()

    def hear(seat: Seat, _: bytes) -> None:
        heard[seat] = heard.get(seat, 0) + 1

    with Fan(port, size, hear, forms=FORMATS) as fan:
        threading.Thread(target=wait_for_the_end, daemon=True).start()
        print("there", flush=True)
        fan.run(over.is_set, "the line that ends it", HOURS_S)
        ended = sum(seat.ended for seat in fan.seats)
        print(json.dumps({"ended": ended, "least": min(heard.get(seat, 0) for seat in fan.seats)}), flush=True)


main()
