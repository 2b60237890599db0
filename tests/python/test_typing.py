# SPDX-License-Identifier: MIT
"""The types of the package are complete and true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="checked where mypy is installed")
HERE = Path(__file__).parent
LIMIT_S = 300.0  # mypy reads all of its stubs the first time


def check(tmp_path: Path, *arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_code_passes_mypy_strict(tmp_path: Path) -> None:
    """A program that uses all of the API has no error under mypy --strict."""
    check(tmp_path, "mypy", "--strict", HERE / "typing_api.py")


def test_the_package_passes_mypy_strict(tmp_path: Path) -> None:
    """The package itself has no error under mypy --strict."""
    check(tmp_path, "mypy", "--strict", HERE.parent.parent / "python" / "mempool")


def test_the_stub_is_true(tmp_path: Path) -> None:
    """stubtest finds every name and argument of the compiled module as the stub says."""
    check(tmp_path, "mypy.stubtest", "mempool", "--allowlist", HERE / "stubtest_allowlist.txt")
