# SPDX-License-Identifier: MIT
"""The figures inside one process: programs that print one JSON object a figure and line (bench/inprocess). Each alternation runs each
program once, so that a figure and tokio's stand side by side in time.
"""

from __future__ import annotations

import json
import subprocess
import sys

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
