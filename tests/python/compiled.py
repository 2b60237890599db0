# SPDX-License-Identifier: MIT
"""C code of the tests as a shared library, built as a user would: against what the package brings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import mempool
from clients import program

COMPILED_WITHIN_S = 60.0


def compile_library(source: Path, folder: Path) -> str:
    library = folder / f"lib{source.stem}.so"
    subprocess.run(
        [
            *(program("cc", "gcc", "clang"), "-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"),
            *(f"-I{mempool.include_path()}", str(source), mempool.library_path(), "-o", str(library)),
        ],
        check=True,
        timeout=COMPILED_WITHIN_S,
    )
    return str(library)
