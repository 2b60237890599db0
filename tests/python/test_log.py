# SPDX-License-Identifier: MIT
"""What a pool has to say goes to logging.getLogger("mempool"): what, at which level, how often, and nothing that clients sent."""

from __future__ import annotations

import logging
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clients import Http, WebSocket, until

import mempool


class Heard(logging.Handler):
    """What the logger `mempool` was given."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append((record.levelname, record.getMessage()))

    def find(self, part: str) -> list[tuple[str, str]]:
        return [record for record in self.records if part in record[1]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler = Heard()
    logger = logging.getLogger("mempool")
    before = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before[0])
    logger.propagate = before[1]


@pytest.fixture
def serve_command(deadline: float) -> Callable[..., tuple[int, str]]:
    """Runs `mempool serve` until it is ready, ends it by SIGTERM; its exit status, and what it said on standard error."""

    def run(*flags: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "mempool", "serve", "--listen-port", "0", *flags]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline().startswith("mempool listening on ")
                process.send_signal(signal.SIGTERM)
                rest, said = process.communicate(timeout=deadline)
            finally:
                process.kill()
        assert rest == ""
        return process.returncode, said

    return run


def serve(**options: Any) -> mempool.Pool:
    return mempool.Pool(**{"listen_port": 0, "batch_interval_ms": 0, **options})


def test_the_life_of_a_pool_is_info(heard: Heard) -> None:
    """Where it listens, that it drains, that it has stopped: the last word is there when stop returns."""
    with serve(log_level="info", max_connections=10) as pool:
        port = pool.port
    assert heard.records == [
        ("INFO", f"listening on 127.0.0.1 port {port}"),
        ("INFO", "draining: all that was accepted has been applied, listeners hear the rest"),
        ("INFO", "stopped"),
    ]


def test_nothing_is_said_of_a_quiet_life_by_default(heard: Heard) -> None:
    """log_level is warn: a pool that is well says nothing."""
    with serve() as pool:
        pool.submit(b"a").wait(20)
    assert heard.records == []


def test_off_is_off(heard: Heard) -> None:
    """log_level=off: not even that apply failed."""

    def apply(batch: mempool.TxBatch) -> None:
        batch[0].reject("x")
        raise ValueError("no")

    with pytest.MonkeyPatch.context() as patch, serve(log_level="off", apply=apply) as pool:
        patch.setattr(sys, "unraisablehook", lambda _: None)
        assert pool.submit(b"a").wait(20).status == "rejected"
    assert heard.records == []


def test_a_level_that_is_none_is_refused() -> None:
    """The message names what is allowed."""
    for wrong in ("loud", "", "WARN"):
        with pytest.raises(mempool.InvalidOption, match="off, error, warn, info, debug"):
            serve(log_level=wrong)


def test_too_many_connections_are_one_warning(heard: Heard) -> None:
    """Said at once and not again within ten seconds, however many there are; no address is named."""
    with serve(max_connections=1) as pool, Http(pool.port) as first:
        assert first.ask("GET", "/healthz").status == 200
        for _ in range(20):
            with Http(pool.port) as late:
                assert late.answer().status == 503
        assert pool.stats.connections_refused_max == 20
    assert heard.find("max_connections reached: 1 connections are held") == heard.records
    assert [level for level, _ in heard.records] == ["WARNING"]


def test_an_apply_that_raises_is_an_error_without_its_words(
    heard: Heard, unraisable: list[BaseException], deadline: float
) -> None:
    """The reason is the host's, and may quote a transaction: it is in the outcome, not in the log."""

    def apply(batch: mempool.TxBatch) -> None:
        raise ValueError(f"can't read {batch[0].data!r}")

    with serve(apply=apply) as pool:
        assert "hidden" in pool.submit(b"hidden").wait(deadline).reason
    assert [level for level, _ in heard.find("apply failed: all 1 transactions of batch 1")] == ["ERROR"]
    assert len(heard.records) == 1 and "hidden" not in heard.records[0][1]
    assert [type(error) for error in unraisable] == [ValueError]


def test_clients_given_up_are_told_in_one_line(heard: Heard) -> None:
    """At level info, with the reason; the counters have the exact number."""
    with serve(log_level="info", ping_interval_ms=20, pong_timeout_ms=20) as pool, WebSocket(pool.port):
        until(lambda: heard.find("clients given up"), "the log says so")
    (told,) = heard.find("clients given up")
    assert told == (
        "INFO",
        "clients given up since this was last said: 1; in all: 0 too slow (slow=close), "
        "1 silent (pong_timeout_ms), 0 stalled (stall_timeout_ms)",
    )


def test_more_connections_than_descriptors_are_warned_of(heard: Heard) -> None:
    """A warning where max_connections was asked for and passes the limit of open files; info for the default."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serve(max_connections=soft + 1):
        pass
    with serve(max_connections=min(soft, 1000)):
        pass
    assert [level for level, _ in heard.find(f"max_connections {soft + 1} passes the limit of open files, {soft}")] == ["WARNING"]
    assert len(heard.records) == 1


def test_a_handler_that_raises_harms_nobody(heard: Heard, unraisable: list[BaseException]) -> None:
    """It goes to sys.unraisablehook, and the pool goes on."""

    def fail(record: logging.LogRecord) -> bool:
        raise KeyError("handler")

    heard.addFilter(fail)
    with serve(log_level="info", max_connections=10) as pool:
        assert pool.submit(b"a").wait(20).status == "applied"
    assert [type(error) for error in unraisable] == [KeyError] * 3


def test_a_handler_may_use_the_pool(heard: Heard) -> None:
    """Submitting, reading the counters and request_stop are allowed; stop is Reentrant."""
    pool = serve(log_level="info", max_connections=10)
    answers: list[object] = []

    def ask(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith("listening"):
            answers.append(pool.submit(b"from the log").wait(20).status)
            answers.append(pool.stats.applied)
            try:
                pool.stop(0)
            except mempool.Reentrant:
                answers.append("Reentrant")
            pool.request_stop()
        return True

    heard.addFilter(ask)
    with pool:
        until(lambda: pool.state == "STOPPED", "it ends by itself")
    assert answers == ["applied", 1, "Reentrant"]
    assert heard.records[-1] == ("INFO", "stopped")


def test_a_program_that_sets_up_no_logging_sees_warnings(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Python's own last resort prints them on standard error; a quiet pool prints nothing."""
    program = """
import mempool
with mempool.Pool(listen_port=0) as pool:
    pool.submit(b"a").wait(20)
def apply(batch):
    batch[0].reject("x"); raise ValueError
import sys
sys.unraisablehook = lambda _: None
print("quiet so far", file=sys.stderr)
with mempool.Pool(apply, listen_host="") as pool:
    pool.submit(b"a").wait(20)
"""
    result = run_python(program)
    quiet, said = result.stderr.splitlines()
    assert quiet == "quiet so far"
    assert said.startswith("apply failed: all 1 transactions of batch 1 are rejected")


def test_serve_logs_to_standard_error(serve_command: Callable[..., tuple[int, str]]) -> None:
    """`mempool serve --log-level info`: its life, a line each; nothing of it on standard output. By default nothing is said."""
    status, said = serve_command("--log-level", "info", "--max-connections", "10")
    assert status == 0
    lines = [line.split(" ", 2)[2] for line in said.splitlines()]  # behind date and time
    assert re.fullmatch(r"INFO mempool: listening on 127\.0\.0\.1 port \d+", lines[0])
    assert lines[-1] == "INFO mempool: stopped"
    assert serve_command("--max-connections", "10") == (0, "")
