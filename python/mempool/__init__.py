# SPDX-License-Identifier: MIT
"""Many producers submit transactions, one batch task applies them in ticks, every listener hears what came of it.

    import mempool

    def apply(batch):
        for tx in batch:
            if not tx.data.startswith(b"pay"):
                tx.reject("unknown verb")

    with mempool.Pool(listen_port=3000, apply=apply) as pool:
        print(pool.url, pool.submit(b"pay bob 5").wait(1.0))

`__all__` is the public API; importing it starts nothing. The same library serves C: library_path(), include_path().
"""

from __future__ import annotations

from pathlib import Path

from . import _core, _errors
from ._core import Tx, TxBatch
from ._errors import (
    AddressInUse,
    Closed,
    Conflict,
    Error,
    Forked,
    Full,
    Gone,
    Internal,
    Invalid,
    InvalidOption,
    Locked,
    NoMemory,
    NotFound,
    ReadOnly,
    Reentrant,
    SystemFailure,
    Timeout,
    TooLarge,
    Unsupported,
    WrongState,
)
from ._events import Batch, Event, Lagged, Message, Rejected, Reset
from ._pool import Outcome, Pool, Stats, Subscription, Ticket

__all__ = [
    "AddressInUse",
    "Batch",
    "Closed",
    "Conflict",
    "Error",
    "Event",
    "Forked",
    "Full",
    "Gone",
    "Internal",
    "Invalid",
    "InvalidOption",
    "Lagged",
    "Locked",
    "Message",
    "NoMemory",
    "NotFound",
    "Outcome",
    "Pool",
    "ReadOnly",
    "Reentrant",
    "Rejected",
    "Reset",
    "Stats",
    "Subscription",
    "SystemFailure",
    "Ticket",
    "Timeout",
    "TooLarge",
    "Tx",
    "TxBatch",
    "Unsupported",
    "WrongState",
    "include_path",
    "library_path",
]

__version__: str = _core.version()


def library_path() -> str:
    """The file of the shared library that this process uses, for ctypes.CDLL or dlopen: the same library, the same pools."""
    return str(Path(_core.library_path()).resolve())


def include_path() -> str:
    """The folder of mempool.h and mempool.hpp, for a compiler's -I."""
    return str(Path(__file__).resolve().parent / "include")


# A traceback says mempool.Full, not mempool._errors.Full.
for _class in {Error, InvalidOption, *_errors.BY_STATUS.values()}:
    _class.__module__ = __name__
del _class
