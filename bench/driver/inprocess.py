# SPDX-License-Identifier: MIT
"""The figures inside one process: programs that print one JSON object a figure and line (bench/inprocess). Each alternation runs each
program once, so that a figure and tokio's stand side by side in time; at the end, what is held against what.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping

from .figures import Figure, Values
from .peers import BENCH, Missing, Place, cargo_program, crate_name
from .processes import Failed

SOURCE = BENCH / "inprocess"


def programs(place: Place) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What can be run, by name, and why the others can't."""
    found = {
        path.name.removeprefix("inprocess_"): [str(path)]
        for path in sorted((place.build / "bench" / "inprocess").glob("inprocess_*"))
        if path.is_file()
    }
    skipped = {} if found else {"in-process figures": f"none was built in {place.build}"}
    try:
        found["tokio"] = cargo_program(place, SOURCE / "tokio", crate_name(SOURCE / "tokio"))
    except Missing as why:
        skipped["tokio, in process"] = str(why)
    script = SOURCE / "python.py"
    imports = subprocess.run([sys.executable, "-c", "import mempool"], capture_output=True, check=False)
    if script.exists() and imports.returncode == 0:
        found["python"] = [sys.executable, str(script)]
    else:
        skipped["Python costs"] = "the package mempool is not installed in the Python that runs this" if script.exists() else "bench/inprocess/python.py is not there"
    return found, skipped


def run_once(name: str, command: list[str], small: bool) -> list[dict[str, object]]:
    """What one program printed."""
    done = subprocess.run([*command, *(["--small"] if small else [])], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise Failed(f"in-process program {name} ended with status {done.returncode}\n{done.stderr.strip()[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def key(name: str, line: dict[str, object]) -> str:
    """One name a figure: the program, the figure and its parameters."""
    params = line.get("params")
    shown = ", ".join(f"{key}={value}" for key, value in params.items()) if isinstance(params, dict) else ""
    return f"{name}: {line['figure']}" + (f" ({shown})" if shown else "")


def by_owner(values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The figures of one alternation, by whose they are."""
    found: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        owner = next((whose for begin, whose in _OWNERS if name.startswith(begin)), "mempool")
        found.setdefault(owner, {})[name] = value
    return found


_OWNERS = [("tokio:", "tokio"), ("python: python_queue", "queue.Queue"), ("python: python_asyncio_queue", "asyncio.Queue")]
OWNERS = ["mempool", *(whose for _, whose in _OWNERS)]


def _first(ours: str, theirs: str) -> Callable[[Values], float]:
    return lambda values: values[ours] if ours in values else values[theirs]


def _append_and_receive(receivers: int, event: str) -> Callable[[Values], float]:
    """One event: appended once, received by each."""
    which = f" (receivers={receivers}, event={event})"
    append = _first(f"broadcast: broadcast_append{which}", f"tokio: tokio_broadcast_send{which}")
    receive = _first(f"broadcast: broadcast_receive{which}", f"tokio: tokio_broadcast_receive{which}")
    return lambda values: append(values) + receivers * receive(values)


def _submit(producers: int) -> Callable[[Values], float]:
    return _first(
        f"submit: submit_draining (producers={producers}, batch_interval_ms=10)",
        f"tokio: tokio_try_send_draining (message=32 bytes, producers={producers})",
    )


FIGURES = [
    *(
        Figure(f"submit_{producers}", f"submit from C while the batch thread drains, {producers} producer{s}; tokio's try_send", "ns", _submit(producers), must=must, aim=aim)
        for producers, s, must, aim in ((1, "", 40, 20), (4, "s", 80, 40))
    ),
    *(
        Figure(
            f"broadcast_{receivers}_{event}",
            f"append and receive of one event, {receivers} receiver{'' if receivers == 1 else 's'}, {what} / tokio broadcast",
            "ns",
            _append_and_receive(receivers, event),
            "tokio",
            must=must,
            aim=aim,
        )
        for event, what, must, aim in (("made", "each made for it", 1.0, 0.6), ("same", "the same again and again", None, None))
        for receivers in (1, 16)
    ),
    Figure("python_submit", "Python: pool.submit / queue.Queue.put_nowait", "ns", _first("python: python_submit", "python: python_queue_put"), "queue.Queue"),
    Figure("python_submit_many", "Python: pool.submit_many, each of 1,000 / queue.Queue.put_nowait", "ns", _first("python: python_submit_many (at_once=1000)", "python: python_queue_put"), "queue.Queue"),
    Figure("python_event", "Python: an event heard by iteration / queue.Queue.get_nowait", "ns", _first("python: python_event", "python: python_queue_get"), "queue.Queue"),
]
