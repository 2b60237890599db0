# SPDX-License-Identifier: MIT
"""docs/bad-inputs.md: every test that it names exists, and every row of the specification that is due is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DUE = [*range(1, 17), *range(21, 27), 28, 29, 35, 38, 39, 40]  # what the others are about has not come

PYTHON = re.compile(r"(\w+)::(\w+)(?:\[(.+)\])?")
CPP = re.compile(r"(\w+)\.([\w/]+)\.([\w*]+)(?:\[(.+)\])?")


def named() -> list[str]:
    """What stands in backticks and has the form of a test's name, and what stands in quotes."""
    text = (ROOT / "docs/bad-inputs.md").read_text()
    text = text[text.index("| Row |") :]  # behind what explains the forms
    quoted = re.findall(r"`([^`]+)`", text)
    return [name for name in quoted if "::" in name or CPP.fullmatch(name)] + re.findall(r'\| ("[^"]+")', text)


NAMED = named()


@pytest.fixture(scope="module")
def collected() -> dict[str, list[str]]:
    """The Python tests, `file::name`, each with the ids of its parameters in their order."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/python"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    tests: dict[str, list[str]] = {}
    for file, name, row in re.findall(r"^tests/python/test_(\w+)\.py::test_(\w+)(?:\[(.*)\])?$", listing, re.MULTILINE):
        tests.setdefault(f"{file}::{name}", []).append(row)
    return tests


def check_rows(wanted: str, rows: list[str]) -> None:
    for part in wanted.split("; "):
        ends = part.split(" ... ")
        assert [end for end in ends if end not in rows] == []
        places = [rows.index(end) for end in ends]
        assert places == sorted(places)


def cpp_suites(room: str) -> dict[str, dict[str, str]]:
    """The suites of that folder of tests, each test with the text of the file that it stands in."""
    suites: dict[str, dict[str, str]] = {}
    for file in sorted((ROOT / "tests" / "unit" / room).glob("*_test.cpp")):
        text = file.read_text()
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", text, re.MULTILINE):
            suites.setdefault(suite, {})[name] = text
        for prefix, suite in re.findall(r"^INSTANTIATE_TEST_SUITE_P\((\w+), (\w+),", text, re.MULTILINE):
            suites[f"{prefix}/{suite}"] = suites[suite]
    return suites


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(collected: dict[str, list[str]], name: str) -> None:
    """Under that name, with those rows, in that order."""
    if python := PYTHON.fullmatch(name):
        file, test, rows = python.groups()
        assert f"{file}::{test}" in collected
        if rows:
            check_rows(rows, collected[f"{file}::{test}"])
    elif name.startswith("fuzz."):
        target = name.removeprefix("fuzz.").removesuffix("_replay")
        assert (ROOT / "tests/fuzz" / f"{target}_fuzz.cpp").exists()
        assert any((ROOT / "tests/fuzz/corpus" / target).iterdir())
    elif cpp := CPP.fullmatch(name):
        room, suite, test, rows = cpp.groups()
        suites = cpp_suites(room)
        assert suite in suites
        assert test == "*" or test in suites[suite]
        if rows:
            check_rows(rows, re.findall(r'^    \{"(\w+)", ', suites[suite][test].replace('",\n', '", \n'), re.MULTILINE))
    else:
        hosts = "".join(file.read_text() for file in (ROOT / "tests/capi").glob("host*.c"))
        assert f"{{{name}, " in hosts


def test_every_row_that_is_due_names_a_test() -> None:
    """And no row is there that the specification has not."""
    rows = {
        int(number): cells
        for numbers, cells in re.findall(r"^\| ([\d, ]+) \|(.*)$", (ROOT / "docs/bad-inputs.md").read_text(), re.MULTILINE)
        for number in numbers.split(", ")
    }
    assert sorted(rows) == DUE
    for number, cells in rows.items():
        assert any(f"`{name}`" in cells or name in cells for name in NAMED), number
    specified = re.findall(r"^(\d+)\. ", (ROOT / "docs/spec/bad-inputs.md").read_text(), re.MULTILINE)
    assert set(map(str, DUE)) <= set(specified)
