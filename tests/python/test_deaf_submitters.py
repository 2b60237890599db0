# SPDX-License-Identifier: MIT
"""JSON clients that submit and do not read: the bound of docs/architecture.md, "Memory", and that nothing they were owed is lost."""

from __future__ import annotations

import select

from clients import LIMIT_S, TEXT, PoolProcess, frame, until
from measures import private_bytes
from submitting import Submitter

CLIENTS = 20
WAITS_MAX = 64
READ_AT_ONCE = 8 * 1024
STILL_S = 0.5  # a server that took nothing for so long takes nothing more

SHORTEST = frame(TEXT, b"")
ANSWER = 2 + len('{"type":"error","error":"bad_message","detail":"this is not JSON: incomplete JSON, at byte 0"}')
OUTCOME = 4 + len('{"type":"outcome","ref":"63","id":"9999999","status":"rejected","reason":"unknown verb","batch":"1"}')
AWAITED_BYTES = 400  # for an outcome: a place in the queue, in the outcomes' news, under its ticket; and its share of the batch's


def bound_bytes(clients: int) -> int:
    """What they may hold. Text grows by doubling, so that up to half of it may be room."""
    answers = (READ_AT_ONCE // len(SHORTEST) + 1) * ANSWER
    return clients * (2 * (answers + WAITS_MAX * OUTCOME) + WAITS_MAX * AWAITED_BYTES + 1024)


class Deaf(Submitter):
    """One that does not read, but to be accepted."""

    def __init__(self, port: int) -> None:
        super().__init__(port, receive_buffer=4096)
        for number in range(WAITS_MAX):
            assert self.asked(data="bad", ref=str(number), wait=True)["type"] == "accepted"
        self._bytes = 0

    @property
    def sent(self) -> int:
        """Whole messages of the flood."""
        return self._bytes // len(SHORTEST)

    def flood(self) -> None:
        """The shortest messages that are answered, until the server takes no more: perhaps in the middle of one."""
        self.socket.setblocking(False)
        while select.select([], [self.socket], [], STILL_S)[1]:
            self._bytes += self.socket.send((SHORTEST * 1000)[self._bytes % len(SHORTEST) :])
        self.socket.settimeout(LIMIT_S)


def test_they_cost_no_more_than_their_answers_and_lose_none() -> None:
    """Each floods the server with the shortest messages there are while 64 outcomes come: it is read no further than its answers are bounded;
    once it reads it has an answer to each of its messages, and each outcome once, and its memory is given back."""
    with PoolProcess(batch_interval_ms=60_000, batch_max=1 << 20, ping_interval_ms=0) as pool:
        with Submitter(pool.port) as warm:  # what is made once, with the first
            assert warm.asked(data="bad", wait=True)["type"] == "accepted"
            pool.ask("flush")
            warm.until("outcome")
        until(lambda: pool.ask("listeners") == 0, "it has left")
        heap, private = pool.ask("heap_bytes"), private_bytes(pool.pid)
        deaf = [Deaf(pool.port) for _ in range(CLIENTS)]
        for client in deaf:
            client.flood()
        flooded = pool.ask("heap_bytes") - heap
        pool.ask("flush")
        with Submitter(pool.port) as other:  # its outcome comes behind all of theirs
            assert other.asked(data="bad", wait=True)["type"] == "accepted"
            pool.ask("flush")
            other.until("outcome")
        held, held_private = pool.ask("heap_bytes") - heap, private_bytes(pool.pid) - private
        bound = bound_bytes(CLIENTS)
        print(
            f"\n{CLIENTS} clients that submit and do not read, {min(each.sent for each in deaf)} messages of {len(SHORTEST)} B or more each: "
            f"{flooded / CLIENTS / 1024:.0f} KiB of malloc's each, {held / CLIENTS / 1024:.0f} KiB with {WAITS_MAX} outcomes, "
            f"{held_private / CLIENTS / 1024:.0f} KiB of private memory; the bound is {bound / CLIENTS / 1024:.0f} KiB"
        )
        assert held <= bound
        assert held > CLIENTS * (READ_AT_ONCE // len(SHORTEST) // 2) * ANSWER  # they are full of answers: the bound is put to the test

        reading = deaf.pop()
        for client in deaf:
            client.close()
        errors, outcomes = 0, []
        while errors < reading.sent or len(outcomes) < WAITS_MAX:
            said = reading.told()
            if said["type"] == "error":
                errors += 1
            else:
                assert said["type"] == "outcome", said
                outcomes.append(said["ref"])
        assert errors == reading.sent
        assert outcomes == [str(number) for number in range(WAITS_MAX)]
        until(lambda: pool.ask("listeners") == 1, "the others have left")
        assert pool.ask("heap_bytes") - heap <= bound_bytes(2)
        reading.close()
