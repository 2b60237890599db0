# SPDX-License-Identifier: MIT
"""From raw values to figures: ratios within an alternation, then the median and the spread over all of them. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Values = Mapping[str, float]  # what one server gave in one alternation: by the names that the scenarios use
Alternation = Mapping[str, Values]  # by server


@dataclass(frozen=True)
class Spread:
    """The median of some values, and between which they lie."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        return cls(median(values), min(values), max(values), len(values)) if values else None


@dataclass(frozen=True)
class Figure:
    """One line of the issue's table: a value of each server, and what it is divided by."""

    name: str
    title: str
    unit: str
    value: Callable[[Values], float]  # KeyError where the server has none
    of: str = ""  # the server whose value is the divisor, in the same alternation; "self": the server's own; "": there is no ratio
    divisor: Callable[[Values], float] | None = None  # as `value` where it is left out
    must: float | None = None  # what libmempool's ratio (without one: its value) must reach, and should
    aim: float | None = None
    more_is_better: bool = False


def number(name: str) -> Callable[[Values], float]:
    """The value of that name."""
    return lambda values: values[name]


def part(above: str, below: str) -> Callable[[Values], float]:
    """One value over another of the same server."""
    return lambda values: values[above] / values[below]


def values_of(figure: Figure, server: str, alternations: Sequence[Alternation]) -> list[float]:
    """One a alternation in which the server gave what the figure needs."""
    found = []
    for each in alternations:
        try:
            found.append(figure.value(each[server]))
        except (KeyError, ZeroDivisionError):
            continue
    return found


def ratios_of(figure: Figure, server: str, alternations: Sequence[Alternation]) -> list[float]:
    """Both values are of one alternation: where either is missing, there is no ratio."""
    if not figure.of:
        return []
    found = []
    for each in alternations:
        try:
            divisor = (figure.divisor or figure.value)(each[server if figure.of == "self" else figure.of])
            found.append(figure.value(each[server]) / divisor)
        except (KeyError, ZeroDivisionError):
            continue
    return found


def verdict(figure: Figure, ratio: Spread | None, value: Spread | None) -> str:
    """Of libmempool: aim, must, missed; "" where nothing is asked for or nothing was measured."""
    reached = ratio if figure.of else value
    if reached is None or (figure.must is None and figure.aim is None):
        return ""
    sign = -1 if figure.more_is_better else 1
    for word, limit in (("aim", figure.aim), ("must", figure.must)):
        if limit is not None and sign * reached.median <= sign * limit:
            return word
    return "missed"
