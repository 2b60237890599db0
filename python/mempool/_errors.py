# SPDX-License-Identifier: MIT
"""The exceptions: one class for each status of mempool.h, in one table. Values; any thread.

Error                     .status is the number of mempool.h, str() says what to do
├─ Invalid                INVALID, also a ValueError
│  └─ InvalidOption       what an option's name or value gets, INVALID or NOT_FOUND
├─ WrongState             STATE: not started yet, started already, or a batch that is over
├─ Full                   FULL: nothing was queued; wait, or raise queue_capacity
├─ Timeout                TIMEOUT, also a TimeoutError; nothing is lost, call again
├─ Closed                 CLOSED: draining or stopped
├─ Reentrant              REENTRANT: a callback called what would have to wait for it
├─ Forked                 FORKED: the pool belongs to the parent process
├─ AddressInUse           ADDRESS_IN_USE, also an OSError (errno EADDRINUSE)
├─ TooLarge               TOO_LARGE, also a ValueError
├─ Conflict               CONFLICT
├─ NotFound               NOT_FOUND, also a LookupError
├─ Gone                   GONE, also a LookupError
├─ Locked                 LOCKED
├─ ReadOnly               READ_ONLY
├─ NoMemory               NO_MEMORY, also a MemoryError
├─ Unsupported            UNSUPPORTED: a feature that this version lacks
├─ SystemFailure          SYSTEM, also an OSError: the operating system refused
└─ Internal               INTERNAL: a mistake of ours; LAGGED and RESET too, which are events and never raised
"""

from __future__ import annotations

import errno


class Error(Exception):
    """What every exception of this package is. `status` is the number in mempool.h, `detail` the sentence that str() gives."""

    status: int = 20

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class Invalid(Error, ValueError):
    """An argument is out of its range; the text names it and what is allowed."""

    status = 1


class InvalidOption(Invalid):
    """An option that does not exist, or a value out of its range."""


class WrongState(Error):
    """Not now: not started yet, started already, or a batch that is over."""

    status = 2


class Full(Error):
    """The queue has no room (queue_capacity); nothing was queued."""

    status = 3


class Timeout(Error, TimeoutError):
    """The time was up; nothing is lost, call again."""

    status = 4


class Closed(Error):
    """The pool is draining or stopped."""

    status = 5


class Reentrant(Error):
    """Called from a callback that it would have to wait for."""

    status = 8


class Forked(Error):
    """The pool belongs to the parent process; open one in this process."""

    status = 9


class AddressInUse(Error, OSError):
    """Something else listens on that address."""

    status = 10

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.errno = errno.EADDRINUSE


class TooLarge(Error, ValueError):
    """Beyond tx_max_bytes or message_max_bytes."""

    status = 11


class Conflict(Error):
    """An idempotency key that stands for another body."""

    status = 12


class NotFound(Error, LookupError):
    """No such id, registration or topic."""

    status = 13


class Gone(Error, LookupError):
    """The outcome is no longer kept (outcomes_capacity)."""

    status = 14


class Locked(Error):
    """Somebody else holds it."""

    status = 15


class ReadOnly(Error):
    """It can be read only."""

    status = 16


class NoMemory(Error, MemoryError):
    """There was no memory for it."""

    status = 17


class Unsupported(Error):
    """A feature that this version lacks."""

    status = 18


class SystemFailure(Error, OSError):
    """The operating system refused; the text has its words."""

    status = 19


class Internal(Error):
    """A mistake of ours; please report it with its text."""

    status = 20


BY_STATUS: dict[int, type[Error]] = {
    1: Invalid,
    2: WrongState,
    3: Full,
    4: Timeout,
    5: Closed,
    6: Internal,
    7: Internal,
    8: Reentrant,
    9: Forked,
    10: AddressInUse,
    11: TooLarge,
    12: Conflict,
    13: NotFound,
    14: Gone,
    15: Locked,
    16: ReadOnly,
    17: NoMemory,
    18: Unsupported,
    19: SystemFailure,
    20: Internal,
}


def from_status(status: int, detail: str) -> Error:
    """The exception for a status other than OK. _core calls it; it also fits statuses of a newer library."""
    error = BY_STATUS.get(status, Error)(detail)
    error.status = status
    return error
