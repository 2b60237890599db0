# SPDX-License-Identifier: MIT
"""The package as it is installed: names, files, import."""

from __future__ import annotations

import ctypes
import dataclasses
import re
import sys
import types
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest

import mempool


def test_all_is_the_public_api() -> None:
    """Every public name of the package is in __all__, and only those; modules behind it are private."""
    public = {
        name
        for name, value in vars(mempool).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and name not in ("annotations", "Path")
    }
    assert public == set(mempool.__all__)
    assert list(mempool.__all__) == sorted(mempool.__all__)


def test_modules_are_private() -> None:
    """No module of this package has a public name."""
    assert all(path.stem.startswith("_") for path in Path(mempool.__file__).parent.glob("*.py"))


def test_the_version_is_the_librarys() -> None:
    """__version__ is what mempool.h of the package says."""
    header = Path(mempool.include_path(), "mempool.h").read_text()
    parts = re.findall(r"#define MEMPOOL_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", header)
    assert mempool.__version__ == ".".join(parts)


def test_library_path_is_the_library_in_use() -> None:
    """library_path() is the file that this process has loaded: ctypes gets the same library by it."""
    assert mempool.library_path() in Path("/proc/self/maps").read_text()
    version = ctypes.CDLL(mempool.library_path()).mempool_version_text
    version.restype = ctypes.c_char_p
    assert version().decode() == mempool.__version__


def test_headers_are_installed() -> None:
    """include_path() has the C header and the C++ one; the types are marked complete."""
    assert all(Path(mempool.include_path(), name).is_file() for name in ("mempool.h", "mempool.hpp"))
    assert Path(mempool.__file__).with_name("py.typed").is_file()


def test_import_starts_nothing(run_python: Callable[..., object]) -> None:
    """Importing the package starts no thread and changes no signal disposition."""
    done = run_python(
        "import os, signal\n"
        "def state(): return os.listdir('/proc/self/task'), [signal.getsignal(n) for n in signal.valid_signals()]\n"
        "before = state()\n"
        "import mempool\n"
        "assert state() == before, (before, state())"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")  # type: ignore[attr-defined]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="not tried")
def test_a_sub_interpreter_is_refused(run_python: Callable[..., object]) -> None:
    """A sub-interpreter's import fails with an ImportError that says where to import; the main one goes on."""
    done = run_python(
        "import sys\n"
        "import mempool\n"
        "code = '''\n"
        "try: import mempool\n"
        "except ImportError as error: print('refused:', error, flush=True)\n"
        "'''\n"
        "if sys.version_info >= (3, 13):\n"
        "    import _interpreters as interpreters\n"
        "    one = interpreters.create('legacy')\n"
        "    interpreters.exec(one, code)\n"
        "else:\n"
        "    import _xxsubinterpreters as interpreters\n"
        "    one = interpreters.create(isolated=False)\n"
        "    interpreters.run_string(one, code)\n"
        "interpreters.destroy(one)\n"
        "with mempool.Pool(listen_host='') as pool: print(pool.submit('x').wait(10).status)\n"
    )
    assert done.stderr == ""  # type: ignore[attr-defined]
    refused, status = done.stdout.splitlines()  # type: ignore[attr-defined]
    assert refused.startswith("refused:") and "sub" in refused
    assert status == "applied"


EVENTS: list[tuple[mempool.Event, str, str]] = [
    (mempool.Batch("k3v9", 42, datetime(2026, 1, 31, tzinfo=timezone.utc), 42, 2, 3, ()), "batch applied 2/3 txs", "k3v9:42"),
    (mempool.Message("k3v9", 43, datetime(2026, 1, 31, tzinfo=timezone.utc), "noon"), "noon", "k3v9:43"),
    (mempool.Message("k3v9", 44, datetime(2026, 1, 31, tzinfo=timezone.utc), b"noon\xff"), "noon\N{REPLACEMENT CHARACTER}", "k3v9:44"),
    (mempool.Lagged(17, "k3v9:61"), "lagged 17", "k3v9:61"),
    (mempool.Reset("m7q2", 0), "reset m7q2", "m7q2:0"),
]


@pytest.mark.parametrize("event, text, position", EVENTS, ids=[text for _, text, _ in EVENTS])
def test_events_have_a_text_and_a_position(event: mempool.Event, text: str, position: str) -> None:
    """str(event) is the text form of the wire, event.position the place in the stream."""
    assert (str(event), event.position) == (text, position)


def test_events_are_frozen() -> None:
    """An event can't be changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        EVENTS[0][0].offset = 1  # type: ignore[misc, union-attr]
