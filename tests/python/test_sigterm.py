# SPDX-License-Identifier: MIT
"""SIGTERM under load: `mempool serve` with producers and listeners, and what becomes of everything that it accepted."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from clients import LIMIT_S, Http, Lines, end
from fan import Fan

PRODUCERS = 8
LISTENERS = 50
ENOUGH = 3000  # accepted transactions before the signal

RECORDER = """
record = open("applied", "ab", buffering=0)

def apply(batch):
    record.write(b"".join(b"%d %s\\n" % (tx.id, tx.data) for tx in batch))
"""


class Producer(threading.Thread):
    """Posts one transaction after another over one connection, until the server refuses or ends it."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name)
        self.port = port
        self.accepted: dict[str, str] = {}  # id: what was posted
        self.refused: list[int] = []  # status of an answer that was no 202

    def run(self) -> None:
        try:
            with Http(self.port) as http:
                while not self.refused:
                    text = f"{self.name}-{len(self.accepted)}"
                    answer = http.ask("POST", "/tx", text.encode())
                    if answer.status == 202:
                        self.accepted[answer.json["id"]] = text
                    else:
                        self.refused.append(answer.status)
        except (OSError, EOFError):  # the server is gone
            pass


def test_sigterm_under_load(tmp_path: Path) -> None:
    """After SIGTERM every transaction that got a 202 is applied exactly once, every reading client gets the last event and close
    1001, and the server exits 0."""
    tmp_path.joinpath("recorder.py").write_text(RECORDER)
    server = subprocess.Popen(
        [sys.executable, "-m", "mempool", "serve", "--listen-port", "0", "--apply", "recorder:apply"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    producers: list[Producer] = []
    try:
        line = Lines(server).next()
        found = re.fullmatch(r"mempool listening on http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        port = int(found[1])
        producers = [Producer(port, f"p{number}") for number in range(PRODUCERS)]
        with Fan(port, LISTENERS) as fan:
            for producer in producers:
                producer.start()
            fan.run(lambda: sum(len(producer.accepted) for producer in producers) >= ENOUGH, "enough is accepted")
            server.send_signal(signal.SIGTERM)
            fan.run(lambda: all(seat.ended for seat in fan.seats), "every client's connection has ended")
        _, err = server.communicate(timeout=LIMIT_S)
        assert (server.returncode, err.decode()) == (0, "")
    finally:
        end(server)
        for producer in producers:
            if producer.ident is not None:
                producer.join(LIMIT_S)

    applied = [line.split(" ", 1) for line in (tmp_path / "applied").read_text().splitlines()]
    accepted = {id: text for producer in producers for id, text in producer.accepted.items()}
    assert {id: count for id, count in Counter(id for id, _ in applied).items() if count != 1} == {}
    assert accepted.items() <= dict(applied).items()  # a 202 may have been lost on its way, an accepted transaction may not
    assert all(status == 503 for producer in producers for status in producer.refused)

    last = int(applied[-1][0])
    for seat in fan.seats:
        batches = [re.fullmatch(r"batch applied (\d+)/(\d+) txs", text) for text in seat.heard if not text.startswith("draining ")]
        assert all(batches), seat.heard  # no lag: they read
        assert sum(int(batch[2]) for batch in batches if batch) == last  # so the last one was heard
        assert seat.close_code == 1001
    refusals = Counter(status for producer in producers for status in producer.refused)
    print(f"\n{len(accepted)} accepted, {len(applied)} applied, refused: {dict(refusals)}, {len(fan.seats[0].heard)} events")
