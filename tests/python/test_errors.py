# SPDX-License-Identifier: MIT
"""Exceptions: one class for each status of mempool.h."""

from __future__ import annotations

import errno
import pickle
import re
from pathlib import Path

import pytest

import mempool
from mempool import _core, _errors

HEADER = Path(mempool.include_path(), "mempool.h").read_text()
STATUSES = {name: int(number) for name, number in re.findall(r"^    MEMPOOL_([A-Z_]+) = (\d+),?  ", HEADER, re.MULTILINE)} | {
    name: int(number) for name, number in re.findall(r"^    MEMPOOL_([A-Z_]+) = (\d+),?$", HEADER, re.MULTILINE)
}


def test_the_header_was_read() -> None:
    """The statuses that this file tests are those of the installed mempool.h, as the library names them."""
    assert STATUSES["OK"] == 0 and STATUSES["INTERNAL"] == max(STATUSES.values())
    assert all(_core.status_name(number) == f"MEMPOOL_{name}" for name, number in STATUSES.items())
    assert _core.status_name(max(STATUSES.values()) + 1) == "MEMPOOL_UNKNOWN"


def test_every_status_has_a_class() -> None:
    """Every status but OK is in the table, and nothing else is."""
    assert set(_errors.BY_STATUS) == set(STATUSES.values()) - {0}


@pytest.mark.parametrize("status", sorted(_errors.BY_STATUS))
def test_a_status_becomes_its_class(status: int) -> None:
    """The exception has the status, and the detail as its text."""
    error = _errors.from_status(status, "what to do")
    assert type(error) is _errors.BY_STATUS[status]
    assert (error.status, error.detail, str(error)) == (status, "what to do", "what to do")
    assert isinstance(error, mempool.Error)


def test_one_class_a_status() -> None:
    """No two statuses share a class, but for those that are never raised: LAGGED and RESET are events."""
    raised = [kind for status, kind in _errors.BY_STATUS.items() if status not in (STATUSES["LAGGED"], STATUSES["RESET"])]
    assert len(raised) == len(set(raised))
    assert all(kind.status == status for status, kind in _errors.BY_STATUS.items() if status not in (6, 7))


def test_a_status_of_a_newer_library_is_an_error() -> None:
    """A number that this version does not know is a mempool.Error with that number."""
    error = _errors.from_status(999, "new")
    assert type(error) is mempool.Error and error.status == 999


def test_builtin_relatives() -> None:
    """Who catches Python's own classes catches ours."""
    assert issubclass(mempool.Timeout, TimeoutError)
    assert issubclass(mempool.InvalidOption, ValueError)
    assert issubclass(mempool.AddressInUse, OSError)
    assert issubclass(mempool.SystemFailure, OSError)
    assert issubclass(mempool.NoMemory, MemoryError)
    assert issubclass(mempool.NotFound, LookupError)
    assert not any(issubclass(kind, RuntimeError) for kind in _errors.BY_STATUS.values())
    assert _errors.from_status(STATUSES["ADDRESS_IN_USE"], "x").errno == errno.EADDRINUSE  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", sorted(_errors.BY_STATUS))
def test_errors_travel_between_processes(status: int) -> None:
    """An exception survives pickle with its text and status."""
    error = pickle.loads(pickle.dumps(_errors.from_status(status, "what to do")))
    assert (type(error), str(error), error.status) == (_errors.BY_STATUS[status], "what to do", status)


def test_tracebacks_name_the_public_class() -> None:
    """A traceback says mempool.Full, where one finds it."""
    assert all(kind.__module__ == "mempool" for kind in _errors.BY_STATUS.values())
    assert mempool.InvalidOption.__module__ == mempool.Error.__module__ == "mempool"
