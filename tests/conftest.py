# SPDX-License-Identifier: MIT
"""The C and C++ tests as pytest items, so that one run has one summary: each ctest test becomes `tests/CMakeLists.txt::NAME`.

ctest runs them one at a time, with the time limit, environment and skip rule that CMake gave them. pytest-cpp 2.6.0 was tried
(November 2026): it knows no time limit, sees GoogleTest only (not the C host), and passes when nothing was built.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--build", default="build/release", metavar="FOLDER", help="the CMake build whose tests to run")
    parser.addoption("--whole-autobahn", action="store_true", help="all messages of its cases of permessage-deflate: many minutes")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path == Path(__file__).with_name("CMakeLists.txt"):
        return CTestFile.from_parent(parent, path=file_path)
    return None


def ctest(*arguments: str) -> subprocess.CompletedProcess[str]:
    beside_python = Path(sys.executable).with_name("ctest")  # pip's CMake, where the system's is too old
    command = str(beside_python) if beside_python.exists() else shutil.which("ctest")
    if command is None:
        raise CTestFailed("ctest was not found; install CMake >= 3.25, or run `./dev test`, which does")
    return subprocess.run([command, *arguments], capture_output=True, text=True, errors="replace", check=False)


class CTestFailed(Exception):
    """Its text is the whole report: a Python traceback says nothing about a C++ test."""


class CTestFile(pytest.File):
    def collect(self) -> Iterator[pytest.Item]:
        build = os.path.join(self.config.rootpath, self.config.getoption("--build"))
        listing = ctest("--test-dir", build, "--show-only=json-v1")
        tests = json.loads(listing.stdout)["tests"] if listing.returncode == 0 else []
        if not tests:
            raise CTestFailed(f"no C++ tests in {build}; `./dev test` builds them\n{listing.stderr}".rstrip())
        for test in tests:
            yield CTestItem.from_parent(self, name=test["name"], build=build)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> object:  # type: ignore[override]
        return str(excinfo.value) if isinstance(excinfo.value, CTestFailed) else super().repr_failure(excinfo)


class CTestItem(pytest.Item):
    def __init__(self, *, build: str, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self.build = build

    def runtest(self) -> None:
        name = f"^{re.escape(self.name)}$".replace(r"\-", "-")  # CMake's regular expressions know no \-
        result = ctest("--test-dir", self.build, "--no-tests=error", "--output-on-failure", "-R", name)
        if result.returncode != 0:
            raise CTestFailed(result.stdout + result.stderr)
        if re.search(r"\*\*\*(Skipped|Not Run \(Disabled\))", result.stdout):
            pytest.skip("skipped by the C++ test")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> object:  # type: ignore[override]
        return str(excinfo.value) if isinstance(excinfo.value, CTestFailed) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name
