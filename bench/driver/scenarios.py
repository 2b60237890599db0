# SPDX-License-Identifier: MIT
"""What is measured: one row a scenario, which gives raw values by name; then one row a figure, which says what those values mean.

A scenario gets a fresh server with nobody connected, and the load generator. All times are CPU time of the server, unless they say
latency. Every event of every scenario is checked by the load generator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .figures import Figure, number, part
from .processes import Child, Failed

TICK_MS = 10
EVENT = 100  # bytes


@dataclass
class Session:
    """One server, alone, for the length of one scenario."""

    server: Child
    load: Child
    port: int
    small: bool
    values: dict[str, float] = field(default_factory=dict)
    clients: int = 0
    next_event: int = 1

    def sized(self, full: int, small: int) -> int:
        return small if self.small else full

    def connect(self, upto: int, extension: str = "") -> None:
        """More clients, until there are so many."""
        self.load.ask(f"connect {upto - self.clients} {self.port} {extension}", "connected")
        self.clients = upto

    def disconnect(self) -> None:
        self.load.ask("close", "closed")
        self.clients = 0
        self.server.settle()

    @contextmanager
    def events(self, size: int = EVENT, how: str = "") -> Iterator[None]:
        """All that is published within is heard by all, and nothing else, when it ends."""
        self.next_event = 1
        self.load.ask(f"begin {size} 1 {how}", "begun")
        yield
        _, lagged = self.load.ask(f"end {self.next_event - 1}", "ended")
        self.values["lagged"] = self.values.get("lagged", 0) + int(lagged)

    def publish(self, count: int, size: int = EVENT) -> None:
        """Publishes that many at once; returns when all who are read have them."""
        self.server.tell(f"publish {count} {size} {self.next_event}")
        self.next_event += count
        self.load.ask(f"await {self.next_event - 1}", "all")
        self.server.hear("published")

    @contextmanager
    def cpu(self, name: str) -> Iterator[None]:
        """NAME_ns: what the server used within; NAME_user: the user part of it, 0..1, as the kernel's ticks tell it."""
        self.server.settle()
        ticks, before = self.server.user_and_kernel_s(), self.server.cpu_ns()
        yield
        self.server.settle()
        user, kernel = (after - start for after, start in zip(self.server.user_and_kernel_s(), ticks))
        used = self.server.cpu_ns() - before
        if used <= 0:
            raise Failed(f"{self.server.name} used no CPU time in {name}: is the process that was started a script that starts another?")
        self.values[f"{name}_ns"] = used
        if user + kernel > 0:
            self.values[f"{name}_user"] = user / (user + kernel)

    def cost(self, name: str, rounds: int, behind: int = 1, size: int = EVENT) -> None:
        """NAME: CPU ns a delivery, `behind` events published at once, so many times."""
        with self.events(size):
            for _ in range(3):
                self.publish(behind, size)
            with self.cpu(name):
                for _ in range(rounds):
                    self.publish(behind, size)
        self.values[name] = self.values[f"{name}_ns"] / (rounds * behind * self.clients)


def fanout(session: Session) -> None:
    session.connect(session.sized(1000, 20))
    session.cost("one", session.sized(50, 5))
    for behind, rounds in ((4, 32), (16, 16), (64, 8)):
        session.cost(f"behind_{behind}", session.sized(rounds, 2), behind)


def fanout_5000(session: Session) -> None:
    session.connect(session.sized(5000, 40))
    session.cost("one_5000", session.sized(30, 5))


def growth(session: Session) -> None:
    for name, clients, rounds in (("few", 100, 500), ("some", 1000, 50), ("many", 10000, 20)):
        session.connect(session.sized(clients, clients // 200 + 2))
        session.cost(name, session.sized(rounds, 5))


def saturated(session: Session) -> None:
    seconds = 0.2 if session.small else 2
    session.connect(session.sized(1000, 20))
    with session.events(how="flood"):
        with session.cpu("flood"):
            (count,) = session.server.ask(f"flood {seconds} {EVENT} 1", "flooded")
            session.next_event = int(count) + 1
            session.load.ask(f"await {count}", "all")
    session.values["published"] = float(count)
    session.values["delivered"] = float(count) * session.clients - session.values["lagged"]
    session.values["flood"] = session.values["delivered"] / session.values["flood_ns"] * 1e9


def idle(session: Session) -> None:
    """Private memory of each client more. A few come before, so that what the first one makes is not counted."""
    few, many = 10, session.sized(10000, 200)
    session.connect(few)
    with session.events():
        session.publish(1)
    session.server.settle()
    before = session.server.private_bytes()
    session.connect(few + many)
    session.server.settle()
    session.values["idle"] = (session.server.private_bytes() - before) / many
    with session.events():
        session.publish(1)
    session.server.settle()
    session.values["idle_after_one"] = (session.server.private_bytes() - before) / many


def hoarding(session: Session) -> None:
    """10 of 20 never read while 4.4 MB are published to each; those who do, keep pace. In the end they read, and all is counted."""
    session.connect(20)
    with session.events():
        session.publish(64)
        session.server.settle()
        before = session.server.private_bytes()
        session.load.ask("stall 10", "stalled")
        for _ in range(session.sized(44000, 1280) // 64):
            session.publish(64)
        session.server.settle()
        session.values["hoarded"] = session.server.private_bytes() - before
        session.load.ask("stall 0", "stalled")
        session.load.ask(f"await {session.next_event - 1}", "all")


def posting(session: Session) -> None:
    """16 connections, 32 bytes: one request at a time on each, then 16 pipelined."""
    count = session.sized(40000, 400)
    for name, depth in (("post", 1), ("post_pipelined", 16)):
        session.load.ask(f"post 16 {count // 10} 32 {depth} {session.port}", "posted")
        with session.cpu(name):
            session.load.ask(f"post 16 {count} 32 {depth} {session.port}", "posted")
        session.values[name] = count / session.values[f"{name}_ns"] * 1e9


def _latency(session: Session, name: str, transactions: int) -> None:
    samples, *quantiles = session.load.ask(f"latency 100 {transactions} {TICK_MS} {session.port}", "latency", 300)
    session.values[f"{name}_samples"] = int(samples)
    for quantile, value in zip(("p50", "p99", "p999", "max"), quantiles):
        session.values[f"{name}_{quantile}"] = int(value) / 1e6


def latency(session: Session) -> None:
    session.connect(session.sized(100, 10))
    session.load.ask(f"latency 100 20 {TICK_MS} {session.port}", "latency")
    _latency(session, "latency", session.sized(500, 30))


def stalled_tenth(session: Session) -> None:
    """Latency of 180 of 200 while the other 20 have full sockets, against the same before."""
    clients = session.sized(200, 20)
    session.connect(clients)
    session.load.ask(f"latency 100 20 {TICK_MS} {session.port}", "latency")
    _latency(session, "quiet", session.sized(300, 20))
    session.load.ask("begin 4096 1", "begun")
    session.next_event = 1
    session.load.ask(f"stall {clients // 10}", "stalled")
    for _ in range(session.sized(1100, 32) // 16):
        session.publish(16, 4096)
    _latency(session, "stalled", session.sized(300, 20))
    session.values["allowed_p99"] = max(2 * session.values["quiet_p99"], 5.0)


def deflated(session: Session) -> None:
    """Clients without the extension, then as many with it, on one server that has it."""
    clients, rounds = session.sized(1000, 20), session.sized(50, 5)
    session.connect(clients)
    session.cost("plain_512", rounds, size=512)
    session.disconnect()
    session.connect(clients, "deflate")
    session.cost("deflate_512", rounds, size=512)


def deflated_idle(session: Session) -> None:
    few, many = 10, session.sized(10000, 200)
    session.connect(few, "deflate")
    with session.events(512):
        session.publish(1, 512)
    session.server.settle()
    before = session.server.private_bytes()
    session.connect(few + many, "deflate")
    session.server.settle()
    session.values["idle_deflate"] = (session.server.private_bytes() - before) / many


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable[[Session], None]
    flags: tuple[str, ...] = ()  # to the server
    needs: frozenset[str] = frozenset()  # what a server may lack


SCENARIOS = [
    Scenario("fanout", fanout),
    Scenario("fanout_5000", fanout_5000),
    Scenario("growth", growth),
    Scenario("saturated", saturated),
    Scenario("idle", idle),
    Scenario("hoarding", hoarding, needs=frozenset({"stalled clients"})),
    Scenario("post", posting, needs=frozenset({"POST /tx"})),
    Scenario("latency", latency, needs=frozenset({"POST /tx"})),
    Scenario("stalled_tenth", stalled_tenth, needs=frozenset({"POST /tx", "stalled clients"})),
    Scenario("deflate", deflated, ("--deflate",), frozenset({"deflate"})),
    Scenario("deflate_idle", deflated_idle, ("--deflate",), frozenset({"deflate"})),
]

NS, BYTES, MS = "ns", "B", "ms"
ONE = number("one")
FIGURES = {
    "fanout": [
        Figure("one", "CPU per delivery, one event at a time, 1,000 clients", NS, ONE, "floor", must=1.10, aim=1.00),
        *(
            Figure(f"behind_{k}", f"CPU per delivery, {k} events behind, / one send()", NS, number(f"behind_{k}"), "floor", ONE, must, aim)
            for k, must, aim in ((4, 0.30, 0.24), (16, 0.10, 0.07), (64, 0.03, 0.02))
        ),
        Figure("one_axum", "one event at a time / axum", NS, ONE, "axum", must=0.92, aim=0.80),
        Figure("behind_16_axum", "16 events behind / axum", NS, number("behind_16"), "axum", must=0.10, aim=0.06),
    ],
    "fanout_5000": [
        Figure("one_5000", "CPU per delivery, one event at a time, 5,000 clients", NS, number("one_5000"), "floor", must=1.10, aim=1.00),
    ],
    "growth": [
        Figure("growth", "cost of a delivery at 10,000 clients / at 100, / the floor's own", "x", part("many", "few"), "floor", must=1.25, aim=1.15),
        Figure("few", "CPU per delivery, 100 clients", NS, number("few"), "floor"),
        Figure("many", "CPU per delivery, 10,000 clients", NS, number("many"), "floor"),
    ],
    "saturated": [
        Figure("flood_axum", "saturated: deliveries per CPU second / axum", "/s", number("flood"), "axum", must=8, aim=15, more_is_better=True),
        Figure("flood", "saturated: deliveries per CPU second / the floor", "/s", number("flood"), "floor", more_is_better=True),
    ],
    "idle": [
        Figure("idle", "private memory per idle client", BYTES, number("idle"), must=676, aim=256),
        Figure("idle_after_one", "the same, after one event to all", BYTES, number("idle_after_one"), must=676, aim=256),
    ],
    "hoarding": [Figure("hoarded", "10 of 20 never read, 4.4 MB each: growth of private memory", BYTES, number("hoarded"))],
    "post": [
        Figure("post_axum", "POST /tx per CPU second / axum", "/s", number("post"), "axum", must=1.0, aim=1.35, more_is_better=True),
        Figure("post", "POST /tx per CPU second / a bare HTTP loop", "/s", number("post"), "floor", more_is_better=True),
        Figure("post_pipelined", "the same, 16 requests pipelined", "/s", number("post_pipelined"), "floor", more_is_better=True),
    ],
    "latency": [
        Figure("latency_p50", "submit -> client beyond the tick, p50", MS, number("latency_p50"), "floor", must=1.15, aim=1.00),
        Figure("latency_p99", "submit -> client beyond the tick, p99", MS, number("latency_p99"), "floor"),
        Figure("latency_p999", "submit -> client beyond the tick, p99.9", MS, number("latency_p999"), "floor"),
    ],
    "stalled_tenth": [
        Figure("stalled_p99", "p99 of the others while a tenth is stalled / max(2 x quiet, 5 ms)", MS, number("stalled_p99"), "self", number("allowed_p99"), must=1.0),
        Figure("quiet_p99", "the same, nobody stalled", MS, number("quiet_p99")),
    ],
    "deflate": [
        Figure("deflate", "deflate on, 512-byte event: CPU per delivery / plain", NS, number("deflate_512"), "self", number("plain_512"), must=1.15, aim=1.05),
    ],
    "deflate_idle": [Figure("idle_deflate", "private memory per idle client, with deflate", BYTES, number("idle_deflate"), must=1536, aim=512)],
}
