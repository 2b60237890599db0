# SPDX-License-Identifier: MIT
""".ci/check holds the rules of the house: this tree keeps them, and a planted violation is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, root / ".ci" / "check"], capture_output=True, text=True, check=False)


def test_the_tree_keeps_the_rules() -> None:
    """No rule is broken in this tree."""
    result = check(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def small_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the least that the rules ask for."""
    root = tmp_path_factory.mktemp("house")
    (root / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "check", root / ".ci" / "check")
    write(root, "capi/mempool.h", "/* SPDX-License-Identifier: MIT */\nenum {\n    MEMPOOL_OK = 0,\n    MEMPOOL_FULL = 3,\n};\n")
    write(root, "docs/status.md", "OK, FULL\n")
    write(root, "python/mempool/_errors.py", '# SPDX-License-Identifier: MIT\nTABLE = {"FULL": 3}\n')
    return root


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


LICENCE = "// SPDX-License-Identifier: MIT\n"
DOUBT = "TO" + "DO"  # in two, so that this file itself has none

# name, file, its text, the line reported, words of the report
PLANTED = [
    ("asio_in_channel", "libmempool/channel/x.cpp", LICENCE + "#include <boost/asio/post.hpp>\n", 2, "channel/ includes Boost's asio"),
    ("beast_in_websocket", "libmempool/websocket/x.hpp", LICENCE + "#include <boost/beast.hpp>\n", 2, "includes Boost's beast"),
    ("fanout_knows_http", "libmempool/fanout/x.cpp", LICENCE + '#include "http/routes.hpp"\n', 2, "fanout/ includes http/"),
    ("http_knows_pool", "libmempool/http/x.cpp", LICENCE + '#include "pool/pool.hpp"\n', 2, "http/ includes pool/"),
    ("batch_knows_fanout", "libmempool/batch/x.cpp", LICENCE + '#include "fanout/lane.hpp"\n', 2, "batch/ includes fanout/"),
    ("a_room_nobody_knows", "libmempool/attic/x.cpp", LICENCE, 1, "attic/ is a room that the rules do not know"),
    ("bindings_look_inside", "bindings/python/x.cpp", LICENCE + '#include "pool/pool.hpp"\n', 2, "bindings/python includes"),
    ("mempool_hpp_needs_more", "capi/mempool.hpp", LICENCE + "#include <boost/json.hpp>\n", 2, "mempool.hpp includes"),
    ("exported_elsewhere", "libmempool/base/x.cpp", LICENCE + "MEMPOOL_API int f();\n", 2, "outside mempool.h"),
    ("no_licence", "libmempool/base/x.cpp", "int f();\n", 1, "no SPDX line"),
    ("a_vague_name", "libmempool/base/string_utils.cpp", LICENCE, 1, "named utils"),
    ("a_doubt", "libmempool/base/x.cpp", LICENCE + f"// {DOUBT}: is this right?\n", 2, DOUBT),
    ("a_sleep", "tests/unit/base/x_test.cpp", LICENCE + "void f() { std::this_thread::sleep_for(1s); }\n", 2, "in a test"),
    ("a_long_file", "libmempool/base/x.cpp", LICENCE + "\n" * 500, 501, "501 lines"),
    ("a_path_of_a_machine", "docs/x.md", "see " + "/ro" + "ot/notes\n", 1, "a path of one machine"),
    ("a_status_nobody_tells", "capi/mempool.h", "// SPDX-License-Identifier: MIT\nenum {\n MEMPOOL_OK = 0,\n MEMPOOL_LOST = 9,\n};\n", 4, "MEMPOOL_LOST"),
]


def test_a_small_tree_keeps_the_rules(small_tree: Path) -> None:
    """The tree in which violations are planted has none of its own."""
    result = check(small_tree)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("path", "text", "line", "words"), [row[1:] for row in PLANTED], ids=[row[0] for row in PLANTED])
def test_a_planted_violation_is_found(small_tree: Path, path: str, text: str, line: int, words: str) -> None:
    """Each rule can fail: it names the file, the line and what is wrong, and the exit status is 1."""
    file = small_tree / path
    before = file.read_text() if file.exists() else None
    write(small_tree, path, text)
    try:
        result = check(small_tree)
    finally:
        file.unlink() if before is None else file.write_text(before)
        if before is None and not any(file.parent.iterdir()):
            file.parent.rmdir()  # an empty room is none
    assert result.returncode == 1
    assert [said for said in result.stdout.splitlines() if said.startswith(f"{path}:{line}: ") and words in said], result.stdout
