# SPDX-License-Identifier: MIT
"""The parts of the benchmark that could lie: its arithmetic, and the load generator's check of every frame. The benchmark itself, in
small form, is ctest's bench.small.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))
from driver import plots, report  # noqa: E402
from driver.figures import Figure, Spread, number, part, ratios_of, values_of, verdict  # noqa: E402
from driver.processes import Child, Failed, Unsupported  # noqa: E402
from driver.scenarios import FIGURES, SCENARIOS, Session  # noqa: E402

# ---- arithmetic ----

RAW = [
    {"floor": {"one": 2.0, "four": 4.0}, "mempool": {"one": 3.0, "four": 1.0}},
    {"floor": {"one": 4.0, "four": 9.0}, "mempool": {"one": 4.0, "four": 1.0}},
    {"floor": {"one": 10.0, "four": 9.0}, "mempool": {"one": 12.0, "four": 5.0}},
]


def test_a_ratio_is_of_two_values_of_one_alternation() -> None:
    figure = Figure("one", "", "ns", number("one"), "floor")
    assert ratios_of(figure, "mempool", RAW) == [1.5, 1.0, 1.2]
    ratio = Spread.of(ratios_of(figure, "mempool", RAW))
    assert ratio == Spread(1.2, 1.0, 1.5, 3)  # the ratio of the medians would be 1.0
    assert Spread.of(values_of(figure, "mempool", RAW)) == Spread(4.0, 3.0, 12.0, 3)


def test_the_divisor_may_be_another_value_than_the_one_that_is_divided() -> None:
    assert ratios_of(Figure("four", "", "ns", number("four"), "floor", number("one")), "mempool", RAW) == [0.5, 0.25, 0.5]
    assert ratios_of(Figure("four", "", "ns", number("four"), "self", number("one")), "floor", RAW) == [2.0, 2.25, 0.9]
    assert ratios_of(Figure("growth", "", "x", part("four", "one"), "floor"), "floor", RAW) == [1.0, 1.0, 1.0]


def test_an_alternation_that_lacks_either_value_has_no_ratio() -> None:
    figure = Figure("one", "", "ns", number("one"), "floor")
    lacking = [{"mempool": {"one": 1.0}}, {"floor": {"one": 0.0}, "mempool": {"one": 1.0}}, {"floor": {"one": 1.0}, "mempool": {}}]
    assert ratios_of(figure, "mempool", lacking) == []
    assert ratios_of(figure, "axum", RAW) == values_of(figure, "axum", RAW) == []
    assert Spread.of([]) is None


@pytest.mark.parametrize(
    ("median", "more_is_better", "said"),
    [(1.0, False, "aim"), (1.05, False, "must"), (1.11, False, "missed"), (1.0, True, "missed"), (1.15, True, "must"), (1.2, True, "aim")],
)
def test_what_is_reached_is_told_by_the_median(median: float, more_is_better: bool, said: str) -> None:
    must, aim = (1.1, 1.2) if more_is_better else (1.1, 1.0)
    figure = Figure("one", "", "ns", number("one"), "floor", None, must, aim, more_is_better)
    assert verdict(figure, Spread(median, 0, 99, 7), Spread(5, 5, 5, 7)) == said
    assert verdict(figure, None, Spread(5, 5, 5, 7)) == ""


def test_every_figure_has_its_scenario_and_a_name_of_its_own() -> None:
    names = [figure.name for figures in FIGURES.values() for figure in figures]
    assert len(names) == len(set(names))
    assert list(FIGURES) == [scenario.name for scenario in SCENARIOS]


def test_the_report_says_what_was_measured_and_leaves_out_what_was_not(tmp_path: Path) -> None:
    figures = {"fanout": [Figure("one", "One event", "ns", number("one"), "floor", must=1.1), Figure("a", "By axum", "ns", number("one"), "axum")]}
    summed = report.summary(figures, ["floor", "mempool"], {"fanout": RAW}, judge=True)
    table = report.table(summed)
    assert "One event   [must 1.1]" in table and "By axum" not in table
    assert "4.0 ns (3.0 ns .. 12.0 ns)" in table and "1.200 (1.000 .. 1.500)" in table and "MISSED" in table
    drawn = list(plots.draw({"machine": {"cpu": "A & B", "kernel": "1", "page_table_isolation": False}, "figures": summed}, tmp_path))
    assert [path.name for path in drawn] == ["one.svg"]
    assert "A &amp; B" in drawn[0].read_text() and ">1.200 · 4.0 ns<" in drawn[0].read_text()


# ---- the load generator ----

Start = Callable[..., Session]


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """A server, by name, with its flags, and the load generator beside it."""
    folder = ROOT / request.config.getoption("--build") / "bench"
    children: list[Child] = []

    def begin(name: str, *flags: str, **environment: str) -> Session:
        assert (folder / name).exists(), f"{folder / name} was not built; `./dev test` builds it, or --build=FOLDER says where it is"
        server = Child(name, [str(folder / name), *flags], None, environment)
        children.append(server)
        load = Child("load", [str(folder / "bench_load")], None)
        children.append(load)
        return Session(server, load, int(server.hear("listening")[0]), small=True)

    yield begin
    for child in children:
        child.close()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("repeat", r"client 4: expected event 8 of 100 bytes, got event 7 \(one that it had, or was told it missed\)"),
        ("skip", r"client 4: expected event 7 of 100 bytes, got event 8 \(those between are missing, and no lag was told\)"),
        ("corrupt", r"client 4: expected event 7 of 100 bytes, got another text: \"e000000000007 hhh"),
        ("short", r"client 4: expected event 7 of 100 bytes, got another text: .* of 99 bytes"),
        ("lag", r"client 4: expected event 9 of 100 bytes, got event 8 \(one that it had, or was told it missed\)"),
        ("accept", r"client \d: expected Sec-WebSocket-Accept \S+, got '\S+'"),
    ],
)
def test_a_wronged_client_fails_the_run(start: Start, fault: str, said: str) -> None:
    session = start("bench_floor", "--fault", fault)
    with pytest.raises(Failed, match=said):
        session.connect(5)
        with session.events():
            session.publish(20)


def test_a_frame_too_many_at_the_end_fails_the_run(start: Start) -> None:
    session = start("bench_floor")
    session.connect(5)
    session.load.ask("begin 100 1", "begun")
    session.publish(20)
    with pytest.raises(Failed, match="client 0: expected to end with event 19, is at 20"):
        session.load.ask("end 19", "ended")


def test_without_a_fault_every_client_has_every_event_once(start: Start) -> None:
    for flags in ([], ["--gather"]):
        session = start("bench_floor", *flags)
        session.connect(5)
        with session.events(500):
            session.publish(20, 500)
            session.publish(1, 500)
            assert session.load.ask("end 21", "ended") == ["105", "0"]


def test_lag_is_counted_as_the_server_tells_it(start: Start) -> None:
    """Nobody reads while 400 events of 60 KB pass a ring of 4: what comes then, and what was missed, are all."""
    session = start("bench_mempool", MEMPOOL_BENCH_RING="4")
    session.connect(5)
    session.load.ask("begin 60000 1", "begun")
    session.load.ask("stall 5", "stalled")
    session.server.ask("publish 400 60000 1", "published")
    session.load.ask("stall 0", "stalled")
    session.load.ask("await 400", "all")
    delivered, lagged = map(int, session.load.ask("end 400", "ended"))
    assert delivered + lagged == 5 * 400
    assert lagged > 0


def test_an_answer_that_is_none_fails_the_run(start: Start) -> None:
    """The queue is full after 65,536, as no tick comes: the next is a 503."""
    session = start("bench_floor", MEMPOOL_BENCH_TICK_MS="3600000")
    with pytest.raises(Failed, match="POST /tx: expected 202, got HTTP/1.1 503"):
        session.load.ask(f"post 1 65537 1 64 {session.port}", "posted")


def test_what_a_server_does_not_know_is_left_out(start: Start) -> None:
    with pytest.raises(Unsupported):
        start("bench_mempool", "--no-such-option")
    with pytest.raises(Unsupported):
        start("bench_floor").server.ask("compress", "compressed")


def test_cpu_time_and_memory_are_the_servers(start: Start) -> None:
    session = start("bench_floor")
    session.connect(5)
    with session.events(), session.cpu("floor"):
        session.publish(64)
    assert 0 < session.values["floor_ns"] < 60e9
    assert session.server.private_bytes() > 10_000
