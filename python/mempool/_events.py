# SPDX-License-Identifier: MIT
"""What a listener hears: four frozen dataclasses, each with its position; str() is the text form of the wire. Values; any thread."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Union

_1970 = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Rejected(NamedTuple):
    """One rejected transaction of a batch."""

    id: int
    reason: str


@dataclass(frozen=True)
class Batch:
    """What came of one batch. `rejected` lists at most 32; `total - applied` is always the whole."""

    epoch: str
    offset: int
    time: datetime
    batch: int
    applied: int
    total: int
    rejected: tuple[Rejected, ...]

    @property
    def position(self) -> str:
        """"epoch:offset": I have heard everything up to and including this."""
        return f"{self.epoch}:{self.offset}"

    def __str__(self) -> str:
        return f"batch applied {self.applied}/{self.total} txs"


@dataclass(frozen=True)
class Message:
    """What the host published: str as text, bytes as binary."""

    epoch: str
    offset: int
    time: datetime
    data: str | bytes

    @property
    def position(self) -> str:
        """"epoch:offset": I have heard everything up to and including this."""
        return f"{self.epoch}:{self.offset}"

    def __str__(self) -> str:
        return self.data if isinstance(self.data, str) else self.data.decode(errors="replace")


@dataclass(frozen=True)
class Lagged:
    """This listener fell behind: `missed` events were overwritten unheard; it goes on after `resume`."""

    missed: int
    resume: str

    @property
    def position(self) -> str:
        """The position that the stream goes on from."""
        return self.resume

    def __str__(self) -> str:
        return f"lagged {self.missed}"


@dataclass(frozen=True)
class Reset:
    """The topic's history was not continued: earlier positions are void, the stream goes on after this one."""

    epoch: str
    offset: int

    @property
    def position(self) -> str:
        """The position that the stream goes on from."""
        return f"{self.epoch}:{self.offset}"

    def __str__(self) -> str:
        return f"reset {self.epoch}"


Event = Union[Batch, Message, Lagged, Reset]


# _core calls these with what C gave.


def make_batch(
    epoch: str, offset: int, time_us: int, batch: int, applied: int, total: int, rejected: list[tuple[int, str]]
) -> Batch:
    listed = tuple(Rejected(id, reason) for id, reason in rejected)
    return Batch(epoch, offset, _time(time_us), batch, applied, total, listed)


def make_message(epoch: str, offset: int, time_us: int, data: str | bytes) -> Message:
    return Message(epoch, offset, _time(time_us), data)


def make_lagged(missed: int, epoch: str, offset: int) -> Lagged:
    return Lagged(missed, f"{epoch}:{offset}")


def make_reset(epoch: str, offset: int) -> Reset:
    return Reset(epoch, offset)


def _time(time_us: int) -> datetime:
    return _1970 + timedelta(microseconds=time_us)  # exact, which fromtimestamp(float) is not
