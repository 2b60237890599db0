# SPDX-License-Identifier: MIT
"""docs/bad-inputs.md: every test that it names exists, and every row of the specification that is due is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DUE = [*range(1, 17), *range(21, 30), 35, 38, 39, 40]  # what the others are about has not come

PYTHON = re.compile(r"(\w+)::(\w+)(?:\[(.+)\])?")
CPP = re.compile(r"(\w+)\.([\w/]+)\.([\w*]+)(?:\[(.+)\])?")
FUZZ = re.compile(r"fuzz\.(\w+)_replay")


def named() -> list[str]:
    """What stands in backticks and has the form of a test's name, and what stands in quotes."""
    text = (ROOT / "docs/bad-inputs.md").read_text()
    text = text[text.index("| Row |") :]  # behind what explains the forms
    quoted = re.findall(r"`([^`]+)`", text)
    forms = (PYTHON, CPP, FUZZ)
    return [name for name in quoted if any(form.fullmatch(name) for form in forms)] + re.findall(r'\| ("[^"]+")', text)


def has_rows(rows: list[str], wanted: str) -> bool:
    """`a; b ... c`: all are there, and of a range the end behind its begin."""
    for part in wanted.split("; "):
        ends = part.split(" ... ")
        if any(end not in rows for end in ends):
            return False
        if rows.index(ends[0]) > rows.index(ends[-1]):
            return False
    return True


def collect(files: list[str]) -> dict[str, list[str]]:
    """The Python tests of those files, `file::name`, each with the ids of its parameters in their order."""
    paths = [f"tests/python/test_{file}.py" for file in files]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *paths]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert listing.returncode == 0, listing.stdout + listing.stderr
    tests: dict[str, list[str]] = {}
    for file, name, row in re.findall(r"^tests/python/test_(\w+)\.py::test_(\w+)(?:\[(.*)\])?$", listing.stdout, re.MULTILINE):
        tests.setdefault(f"{file}::{name}", []).append(row)
    return tests


def cpp_suites(room: str) -> dict[str, dict[str, str]]:
    """The suites of that folder of tests; each test with the text of the file that it stands in."""
    suites: dict[str, dict[str, str]] = {}
    for file in sorted((ROOT / "tests" / "unit" / room).glob("*_test.cpp")):
        text = file.read_text()
        for suite, name in re.findall(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", text, re.MULTILINE):
            suites.setdefault(suite, {})[name] = text
        for prefix, suite in re.findall(r"^INSTANTIATE_TEST_SUITE_P\((\w+), (\w+),", text, re.MULTILINE):
            suites[f"{prefix}/{suite}"] = suites[suite]
    return suites


def exists(name: str, collected: dict[str, list[str]]) -> bool:
    if python := PYTHON.fullmatch(name):
        test, rows = f"{python[1]}::{python[2]}", python[3]
        return test in collected and (rows is None or has_rows(collected[test], rows))
    if fuzz := FUZZ.fullmatch(name):
        corpus = ROOT / "tests/fuzz/corpus" / fuzz[1]
        return (ROOT / "tests/fuzz" / f"{fuzz[1]}_fuzz.cpp").exists() and any(corpus.iterdir())
    if cpp := CPP.fullmatch(name):
        room, suite, test, rows = cpp.groups()
        tests = cpp_suites(room).get(suite, {})
        if test == "*":
            return bool(tests)
        return test in tests and (rows is None or has_rows(re.findall(r'^    \{"(\w+)",', tests[test], re.MULTILINE), rows))
    return any(f"{{{name}, " in file.read_text() for file in (ROOT / "tests/capi").glob("host*.c"))


def test_every_test_that_is_named_exists() -> None:
    """Under that name, with those rows, in that order."""
    names = named()
    collected = collect(sorted({python[1] for name in names if (python := PYTHON.fullmatch(name))}))
    assert [name for name in names if not exists(name, collected)] == []


def test_every_row_that_is_due_names_a_test() -> None:
    """And no row is there that is not, or that the specification has not."""
    names = named()
    rows = {
        int(number): cells
        for numbers, cells in re.findall(r"^\| ([\d, ]+) \|(.*)$", (ROOT / "docs/bad-inputs.md").read_text(), re.MULTILINE)
        for number in numbers.split(", ")
    }
    assert sorted(rows) == DUE
    assert [number for number, cells in rows.items() if not any(name in cells for name in names)] == []
    specified = re.findall(r"^(\d+)\. ", (ROOT / "docs/spec/bad-inputs.md").read_text(), re.MULTILINE)
    assert set(map(str, DUE)) <= set(specified)
