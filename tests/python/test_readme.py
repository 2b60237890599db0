# SPDX-License-Identifier: MIT
"""The README's starts and the files of examples/, extracted and run, so that they can't rot.

In the README a block is run when the line above its fence is `<!-- test: LANGUAGE -->`. Where it says port 3000 it gets the port of a
demo server that runs for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mempool
from browser import open_page
from clients import LIMIT_S, Http, Lines, end, program, until

ROOT = Path(__file__).resolve().parent.parent.parent
BLOCK = re.compile(r"^<!-- test: (\w+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = {"c", "cpp", "python", "sh", "js"}


class Block:
    def __init__(self, text: re.Match[str], line: int) -> None:
        self.language, self.fence, self.code = text.groups()
        self.name = f"{self.language}, line {line}"


def blocks() -> list[Block]:
    text = (ROOT / "README.md").read_text()
    return [Block(found, text.count("\n", 0, found.start()) + 1) for found in BLOCK.finditer(text)]


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The URL of a `mempool serve --demo` whose first batch is through."""
    server = subprocess.Popen([sys.executable, "-m", "mempool", "serve", "--demo", "--listen-port", "0"], stdout=subprocess.PIPE)
    try:
        url = Lines(server).next().rsplit(" ", 1)[1]
        with Http(int(url.rsplit(":", 1)[1])) as http:
            until(lambda: http.ask("GET", "/tx/1").json.get("status") == "applied", "the demo's first batch")
        yield url
    finally:
        end(server)


def run(*command: str, folder: Path) -> str:
    """What it prints; it must exit 0 in time. The commands beside this Python are found first, as in an activated venv."""
    beside = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{beside}:{os.environ['PATH']}", "no_proxy": "*"}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def run_compiled(source: Path, compiler: str, standard: str) -> str:
    library = mempool.library_path()
    beside = f"-Wl,-rpath,{Path(library).parent}"
    flags = [f"-std={standard}", "-Wall", "-Wextra", "-Werror", f"-I{mempool.include_path()}"]
    run(compiler, *flags, source.name, library, beside, "-o", "program", folder=source.parent)
    return run("./program", folder=source.parent)


def run_c(source: Path) -> str:
    return run_compiled(source, program("cc", "gcc", "clang"), "c99")


def run_cpp(source: Path) -> str:
    return run_compiled(source, program("c++", "g++", "clang++"), "c++17")


def run_python(source: Path) -> str:
    return run(sys.executable, "-W", "error", source.name, folder=source.parent)


def run_sh(source: Path) -> str:
    return run("sh", "-eu", source.name, folder=source.parent)


RUN: dict[str, tuple[str, Callable[[Path], str]]] = {
    "c": ("start.c", run_c),
    "cpp": ("start.cpp", run_cpp),
    "python": ("start.py", run_python),
    "sh": ("start.sh", run_sh),
}

# What each must print, as its comments say.
SAYS = {
    "c": [r"transaction 1 was applied"],
    "cpp": [r"no means no"],
    "python": [r"status='rejected', reason='unknown verb'", r"batch applied 0/1 txs"],
    "sh": [r'"status":"pending"', r'"id":"1","status":"applied"', r"batch applied \d+/\d+ txs"],
    "js": [r"batch applied \d+/\d+ txs"],
}


def test_every_language_has_a_start() -> None:
    """The README has a start for C, C++, Python, the shell and the browser, each in a fence of that language."""
    assert {block.language for block in blocks()} == LANGUAGES
    assert [block.name for block in blocks() if block.fence != block.language] == []
    marks = len(re.findall(r"<!-- test:", (ROOT / "README.md").read_text()))
    assert marks == len(blocks()), "a mark does not stand right above its fence"


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.name)
def test_the_readme_runs(block: Block, demo: str, tmp_path: Path) -> None:
    """A start of the README runs as it stands there, and prints what it says."""
    code = block.code.replace(":3000", ":" + demo.rsplit(":", 1)[1])
    if block.language == "js":
        with open_page(f"{demo}/healthz") as page:  # a page of that server without a script of its own
            with page.expect_console_message(lambda said: re.search(SAYS["js"][0], said.text) is not None, timeout=LIMIT_S * 1000):
                page.add_script_tag(content=code)
        return
    name, run_block = RUN[block.language]
    source = tmp_path / name
    source.write_text(code)
    printed = run_block(source)
    for said in SAYS[block.language]:
        assert re.search(said, printed), printed


EXAMPLES = {
    "submit.c": (run_c, [r"pay bob 5: applied", r"rob bob 5: unknown verb", r"heard: batch applied 2/3 txs"]),
    "hello.cpp": (run_cpp, [r"no: no means no", r"heard: batch applied 1/2 txs"]),
    "hello.py": (run_python, [r"status='applied'", r"reason='unknown verb'", r'"status":"pending"', r"heard: that was all"]),
}


def test_every_example_is_run() -> None:
    """No file of examples/ is forgotten here, or in its README."""
    files = {file.name for file in (ROOT / "examples").iterdir() if file.is_file()}
    assert files == {*EXAMPLES, "README.md"}
    assert [name for name in EXAMPLES if f"[{name}]({name})" not in (ROOT / "examples" / "README.md").read_text()] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    """An example runs as it is, and prints what it is there to show."""
    run_example, says = EXAMPLES[name]
    source = tmp_path / name
    source.write_text((ROOT / "examples" / name).read_text())
    printed = run_example(source)
    for said in says:
        assert re.search(said, printed), printed
